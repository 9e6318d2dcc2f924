package dev.questspark.engine.checkpoint.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.Gson;
import dev.questspark.engine.checkpoint.ModelFiles;
import dev.questspark.engine.checkpoint.files.Checkpoint;
import dev.questspark.engine.checkpoint.files.JsonFields;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.ModelFolder;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.model.family.ModelConfigReader;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.tokens.HfTokenizer;
import dev.questspark.engine.tokens.PromptTemplate;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * GGUF files that Python's gguf wrote, against what it, transformers and sentencepiece say of them.
 */
class GgufModelTest {
  private static final List<String> BLOCKS =
      List.of("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K");
  private static final int ROWS = 3;
  private static final int COLS = 512;

  @TempDir Path folder;

  private static Path file(String name) {
    return ModelFolder.resource("gguf/" + name);
  }

  @Test
  void everyBlockTypeIsWidenedToTheBit() throws IOException {
    ByteBuffer expected =
        ByteBuffer.wrap(Files.readAllBytes(file("blocks.bin"))).order(ByteOrder.LITTLE_ENDIAN);
    GgufFile gguf = GgufFile.read(file("blocks.gguf"));
    try (Checkpoint checkpoint = GgufCheckpoint.open(gguf, new GgufNames(true, 4, 4))) {
      for (int type = 0; type < BLOCKS.size(); type++) {
        HostTensor tensor = checkpoint.matrix(BLOCKS.get(type), ROWS, COLS);
        int size = ROWS * COLS * Float.BYTES;
        assertThat(tensor.bytes(0, ROWS))
            .as(BLOCKS.get(type))
            .isEqualTo(expected.slice(type * size, size));
        assertThat(tensor.get(2, 300)).isEqualTo(expected.getFloat(type * size + 4 * (1024 + 300)));
      }
      assertThat(checkpoint.unread()).isEmpty();
      assertThat(checkpoint.format()).contains("Q4_0=1", "Q6_K=1", "exactly");
    }
  }

  /** Configuration and weights are those of the folder the file was made from. */
  @ParameterizedTest
  @ValueSource(strings = {"mistral-window", "qwen2-bias"})
  void aModelIsThatOfItsFolder(String name) {
    Path source = ModelFolder.fixture(name);
    ModelConfig expected = ModelConfigReader.read(source);
    ModelConfig config = ModelConfigReader.read(file(name + ".gguf"));
    assertThat(config.family()).isEqualTo(expected.family());
    assertThat(config.shape()).isEqualTo(expected.shape());
    assertThat(config.block()).isEqualTo(expected.block());
    assertThat(config.positions()).isEqualTo(expected.positions());
    assertThat(config.dtype()).isEqualTo(expected.dtype());
    int hidden = config.hiddenSize();
    try (Checkpoint theirs = ModelFiles.of(source).weights();
        Checkpoint ours = ModelFiles.of(file(name + ".gguf")).weights()) {
      assertThat(ours.names()).isEqualTo(theirs.names());
      String layer = "model.layers.1.self_attn.";
      for (String part : List.of("q_proj", "k_proj", "v_proj")) {
        int rows = part.equals("q_proj") ? config.queryCols() : config.kvCols();
        String weight = layer + part + ".weight";
        assertThat(ours.matrix(weight, rows, hidden).sameAs(theirs.matrix(weight, rows, hidden)))
            .as(weight)
            .isTrue();
        if (config.biases().qkv()) {
          HostTensor bias = ours.vector(layer + part + ".bias", rows);
          HostTensor stored = theirs.vector(layer + part + ".bias", rows);
          for (int i = 0; i < rows; i++) {
            assertThat(bias.get(0, i)).isEqualTo(stored.get(0, i));
          }
        }
      }
      assertThatThrownBy(() -> ours.matrix("model.embed_tokens.weight", 7, hidden))
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining(
              "token_embd.weight is [%d, %d]".formatted(config.vocabSize(), hidden));
    }
  }

  /** The llama architecture's biases are interleaved as its rows are. */
  @Test
  void interleavedBiasesAreOrderedToo() {
    GgufNames llama = new GgufNames(true, 4, 2);
    assertThat(llama.interleavedHeads("blk.3.attn_q.bias")).isEqualTo(4);
    assertThat(llama.interleavedHeads("blk.3.attn_k.weight")).isEqualTo(2);
    assertThat(llama.interleavedHeads("blk.3.attn_v.weight")).isZero();
    assertThat(new GgufNames(false, 4, 2).interleavedHeads("blk.3.attn_q.weight")).isZero();
  }

  @Test
  void llama3sRotationIsFoundBehindItsFactors() throws IOException {
    JsonFields config = ModelFiles.of(file("llama3-rope.gguf")).requireJson("config.json");
    JsonFields scaling = config.object("rope_scaling").orElseThrow();
    assertThat(scaling.string("rope_type")).contains("llama3");
    assertThat(scaling.requireNumber("factor")).isCloseTo(32, within(1e-4));
    byte[] other = Files.readAllBytes(file("llama3-rope.gguf"));
    ByteBuffer.wrap(other).order(ByteOrder.LITTLE_ENDIAN).putFloat(other.length - 60, 2.5f);
    Path changed = Files.write(folder.resolve("changed.gguf"), other);
    assertThatThrownBy(() -> ModelFiles.of(changed).requireJson("config.json"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("is not that of Llama 3.1's rotation");
  }

  private record Tokenized(List<String> texts, Map<String, List<int[]>> ids) {}

  @ParameterizedTest
  @ValueSource(strings = {"spm", "llama-bpe", "qwen2"})
  void tokenizersGiveTheIdsOfTheirLibraries(String name) throws IOException {
    Tokenized expected =
        new Gson().fromJson(Files.readString(file("tokenizers.json")), Tokenized.class);
    try (HfTokenizer tokenizer = HfTokenizer.open(file(name + ".gguf"))) {
      for (int i = 0; i < expected.texts().size(); i++) {
        int[] ids = tokenizer.encode(expected.texts().get(i), true);
        assertThat(ids).as(expected.texts().get(i)).isEqualTo(expected.ids().get(name).get(i));
        if (!expected.texts().get(i).contains("\u0301")) { // Qwen's are composed
          assertThat(tokenizer.decode(ids, true)).isEqualTo(expected.texts().get(i));
        }
      }
      assertThat(tokenizer.bosTokenId()).isPresent();
      assertThat(tokenizer.eosTokenIds()).hasSize(1);
    }
  }

  /** Sentencepiece writes a blank before a text, but not before what stands behind another. */
  @Test
  void aContinuationHasTheIdsItHasInTheWholeText() {
    try (HfTokenizer tokenizer = HfTokenizer.open(file("spm.gguf"))) {
      for (String first : List.of("The harbour.", "a", "asleep\n", "1851 ")) {
        for (String second : List.of("\nQuestion: why?", "light", " the fog", ".", "\n\nx", "")) {
          int[] whole = tokenizer.encode(first + second, false);
          int[] head = tokenizer.encode(first, false);
          if (whole.length >= head.length
              && Arrays.equals(head, Arrays.copyOf(whole, head.length))) {
            assertThat(tokenizer.encodeContinuation(second))
                .as("%s|%s", first, second)
                .isEqualTo(Arrays.copyOfRange(whole, head.length, whole.length));
          }
        }
      }
      String document = "The harbour.";
      PromptTemplate template =
          PromptTemplate.plain("{{document}}\nQuestion: {{question}}", tokenizer);
      int[] prompt =
          IntStream.concat(
                  Arrays.stream(template.prefix(document)), Arrays.stream(template.suffix("why?")))
              .toArray();
      assertThat(prompt).isEqualTo(tokenizer.encode(document + "\nQuestion: why?", true));
    }
  }

  /** The file with one text of its header in the place of another of the same length. */
  private Path replaced(String name, String from, String to) throws IOException {
    byte[] bytes = Files.readAllBytes(file(name));
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    assertThat(text).contains(from);
    Path changed = folder.resolve(name);
    return Files.write(changed, text.replace(from, to).getBytes(StandardCharsets.ISO_8859_1));
  }

  @Test
  void whatIsNotKnownIsRefusedByName() throws IOException {
    Path architecture = replaced("blocks.gguf", "llama", "gemma");
    assertThatThrownBy(() -> ModelFiles.of(architecture))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("general.architecture is gemma", "llama, qwen2, qwen3");
    Path pre = replaced("llama-bpe.gguf", "llama-bpe", "gemma-bpe");
    assertThatThrownBy(() -> HfTokenizer.open(pre))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("tokenizer.ggml.pre is gemma-bpe");
    assertThatThrownBy(() -> HfTokenizer.open(file("blocks.gguf")))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("tokenizer.ggml.tokens is missing");
  }

  @Test
  void aDamagedFileIsReadOrRefusedButNeverABug() throws IOException {
    byte[] whole = Files.readAllBytes(file("blocks.gguf"));
    Path damaged = folder.resolve("damaged.gguf");
    SplittableRandom random = new SplittableRandom(3);
    int refused = 0;
    for (int run = 0; run < 400; run++) {
      byte[] bytes =
          Arrays.copyOf(whole, run < 200 ? whole.length : random.nextInt(4, whole.length));
      for (int flips = 1 + random.nextInt(3); flips > 0; flips--) {
        bytes[4 + random.nextInt(Math.min(bytes.length - 4, 700))] = (byte) random.nextInt(256);
      }
      Files.write(damaged, bytes);
      try {
        ModelFiles.of(damaged).weights().close();
      } catch (ConfigException e) {
        refused++;
      }
    }
    assertThat(refused).isGreaterThan(200);
  }
}
