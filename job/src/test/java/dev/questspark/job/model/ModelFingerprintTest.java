package dev.questspark.job.model;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Models of equal shape are different models. */
class ModelFingerprintTest {
  private static final Path DEMO = Path.of("..", "demo", "model").toAbsolutePath().normalize();
  private static final String WEIGHTS = "model.safetensors";

  @TempDir Path folder;
  private byte[] weights;
  private int dataStart;

  @BeforeEach
  void copyOfTheDemoModel() throws IOException {
    for (String name : List.of("config.json", "tokenizer.json", "tokenizer_config.json", WEIGHTS)) {
      Files.copy(DEMO.resolve(name), folder.resolve(name));
    }
    weights = Files.readAllBytes(folder.resolve(WEIGHTS));
    dataStart =
        Long.BYTES + (int) ByteBuffer.wrap(weights).order(ByteOrder.LITTLE_ENDIAN).getLong();
  }

  private String fingerprint(byte[] changed) throws IOException {
    Files.write(folder.resolve(WEIGHTS), changed);
    return ModelFingerprint.of(folder);
  }

  /** What a checkpoint that was trained further looks like: no byte of the header differs. */
  private byte[] withOtherSigns(int from, int to) {
    byte[] changed = weights.clone();
    for (int i = from; i < to; i++) {
      changed[i] ^= (byte) 0x80;
    }
    return changed;
  }

  @Test
  void otherValuesBehindTheFirstMegabytesAreAnotherModel() throws IOException {
    String before = fingerprint(weights);
    assertThat(fingerprint(withOtherSigns(2 << 20, weights.length))).isNotEqualTo(before);
    assertThat(fingerprint(weights)).isEqualTo(before);
  }

  @Test
  void everyTensorCounts() throws IOException {
    String header = new String(weights, Long.BYTES, dataStart - Long.BYTES, StandardCharsets.UTF_8);
    Set<String> seen = new TreeSet<>(Set.of(fingerprint(weights)));
    int tensors = 0;
    for (var entry : JsonParser.parseString(header).getAsJsonObject().entrySet()) {
      if (!entry.getKey().equals("__metadata__")) {
        var range = entry.getValue().getAsJsonObject().getAsJsonArray("data_offsets");
        int from = dataStart + range.get(0).getAsInt();
        assertThat(seen.add(fingerprint(withOtherSigns(from, dataStart + range.get(1).getAsInt()))))
            .as(entry.getKey())
            .isTrue();
        tensors++;
      }
    }
    assertThat(tensors).isGreaterThan(10);
  }

  @Test
  void theFilesBesideTheWeightsCount() throws IOException {
    String before = ModelFingerprint.of(folder);
    Path template = folder.resolve("chat_template.jinja");
    Files.writeString(template, "{{ messages[0].content }}");
    String with = ModelFingerprint.of(folder);
    assertThat(with).isNotEqualTo(before);
    Files.writeString(folder.resolve("README.md"), "a model card");
    assertThat(ModelFingerprint.of(folder)).as("no engine reads it").isEqualTo(with);
  }

  @Test
  void filesThatAreNoSafetensorsAreSampledAsAWhole() throws IOException {
    byte[] noHeader = new byte[100_000];
    String before = fingerprint(noHeader);
    noHeader[noHeader.length - 1] = 1;
    assertThat(fingerprint(noHeader)).isNotEqualTo(before);
    assertThat(fingerprint(new byte[3])).isNotEqualTo(fingerprint(new byte[0]));
  }
}
