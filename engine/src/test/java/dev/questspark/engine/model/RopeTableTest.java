package dev.questspark.engine.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.family.ModelConfigReader;
import dev.questspark.engine.model.rope.RopeConfig;
import dev.questspark.engine.model.rope.RopeTable;
import dev.questspark.engine.ops.HostTensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class RopeTableTest {
  private static final float ULP = Math.ulp(1f);

  @TempDir Path folder;

  static Stream<Arguments> cases() throws IOException {
    JsonObject expected = expected();
    return StreamSupport.stream(expected.getAsJsonArray("cases").spliterator(), false)
        .map(JsonElement::getAsJsonObject)
        .map(c -> Arguments.of(c.get("name").getAsString(), c));
  }

  private static JsonObject expected() throws IOException {
    Path file = ModelFolder.resource("rope/expected.json");
    return JsonParser.parseString(Files.readString(file)).getAsJsonObject();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void equalsTransformers(String name, JsonObject expected) throws IOException {
    int maxModelLen = expected().get("max_model_len").getAsInt();
    int headDim = expected.get("head_dim").getAsInt();
    RopeConfig rope = read(expected);
    float[] frequencies = rope.inverseFrequencies(headDim, maxModelLen);
    HostTensor table = RopeTable.build(rope, headDim, maxModelLen);

    JsonArray wanted = expected.getAsJsonArray("inverse_frequencies");
    assertThat(frequencies).hasSize(wanted.size()).hasSize(headDim / 2);
    for (int i = 0; i < frequencies.length; i++) {
      float frequency = wanted.get(i).getAsFloat();
      // torch's vector pow is off by an ulp here and there
      assertThat(frequencies[i]).isCloseTo(frequency, within(4 * ULP * frequency));
    }
    float scale = expected.get("attention_factor").getAsFloat();
    assertThat(rope.attentionFactor()).isCloseTo(scale, within(ULP * scale));
    JsonArray positions = expected.getAsJsonArray("positions");
    for (int p = 0; p < positions.size(); p++) {
      int position = positions.get(p).getAsInt();
      for (int i = 0; i < headDim / 2; i++) {
        float angle = position * frequencies[i];
        var tolerance = within(scale * ULP * (4 + 4 * angle));
        float cos = expected.getAsJsonArray("cos").get(p).getAsJsonArray().get(i).getAsFloat();
        float sin = expected.getAsJsonArray("sin").get(p).getAsJsonArray().get(i).getAsFloat();
        assertThat(table.get(position, i)).as("cos %d %d", position, i).isCloseTo(cos, tolerance);
        assertThat(table.get(position, headDim / 2 + i))
            .as("sin %d %d", position, i)
            .isCloseTo(sin, tolerance);
      }
    }
  }

  private RopeConfig read(JsonObject expected) throws IOException {
    ModelFolder.edited(
        folder,
        "llama-mha",
        config -> {
          config.addProperty("head_dim", expected.get("head_dim").getAsInt());
          config.add("max_position_embeddings", expected.get("max_position_embeddings"));
          config.add("rope_parameters", expected.get("rope_parameters"));
        });
    return ModelConfigReader.read(folder).rope(0);
  }

  @Test
  void dynamicIsPlainUpToTheTrainedLength() {
    RopeConfig dynamic = new RopeConfig.Dynamic(10_000, 2, 4096);
    float[] plain = new RopeConfig.Default(10_000).inverseFrequencies(64, 1);
    assertThat(dynamic.inverseFrequencies(64, 4096)).isEqualTo(plain);
    assertThat(dynamic.inverseFrequencies(64, 8192)[31]).isLessThan(plain[31]);
  }

  @Test
  void contextGrowsWithTheScalingThatExtendsIt() {
    assertThat(new RopeConfig.Default(10_000).contextTokens(4096)).isEqualTo(4096);
    assertThat(new RopeConfig.Linear(10_000, 4).contextTokens(4096)).isEqualTo(16_384);
    assertThat(new RopeConfig.Dynamic(10_000, 2, 4096).contextTokens(4096)).isEqualTo(8192);
    assertThat(new RopeConfig.Llama3(5e5, 8, 1, 4, 8192).contextTokens(131_072)).isEqualTo(131_072);
    assertThat(new RopeConfig.Yarn(1e6, 4, 32_768, 1, 32, 1, true).contextTokens(32_768))
        .isEqualTo(131_072);
  }

  @Test
  void refusesATableThatNoBufferHolds() {
    assertThatThrownBy(() -> RopeTable.build(new RopeConfig.Default(10_000), 128, 5_000_000))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("max_model_len is 5000000");
  }

  private static org.assertj.core.data.Offset<Float> within(float tolerance) {
    return org.assertj.core.data.Offset.offset(tolerance);
  }
}
