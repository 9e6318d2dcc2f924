package dev.questspark.engine.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.model.family.ModelConfigReader;
import dev.questspark.engine.model.family.QkNorm;
import dev.questspark.engine.model.rope.RopeConfig;
import dev.questspark.engine.ops.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ModelConfigReaderTest {
  @TempDir Path folder;

  private ModelConfig edited(String fixture, Consumer<JsonObject> edit) throws IOException {
    return ModelConfigReader.read(ModelFolder.edited(folder, fixture, edit));
  }

  @Test
  void readsEveryKeyOfAPublishedShape() {
    ModelConfig config = ModelConfigReader.read(ModelFolder.fixture("llama3-gqa"));
    assertThat(config.family()).hasToString("LlamaForCausalLM");
    assertThat(config.vocabSize()).isEqualTo(320);
    assertThat(config.hiddenSize()).isEqualTo(64);
    assertThat(config.intermediateSize()).isEqualTo(176);
    assertThat(config.layers()).isEqualTo(4);
    assertThat(config.heads()).isEqualTo(8);
    assertThat(config.kvHeads()).isEqualTo(2);
    assertThat(config.headDim()).isEqualTo(16);
    assertThat(config.queryCols()).isEqualTo(128);
    assertThat(config.kvCols()).isEqualTo(32);
    assertThat(config.attentionScale()).isEqualTo(0.25f);
    assertThat(config.hiddenEps()).isEqualTo(1e-5f);
    assertThat(config.tieWordEmbeddings()).isTrue();
    assertThat(config.maxPositionEmbeddings()).isEqualTo(2048);
    assertThat(config.contextTokens()).isEqualTo(2048);
    assertThat(config.rope(0)).isEqualTo(new RopeConfig.Llama3(500_000, 8, 1, 4, 256));
    assertThat(config.dtype()).contains(DType.BF16);
    assertThat(config.bosTokenId()).isEqualTo(OptionalInt.of(0));
    assertThat(config.eosTokenIds()).containsExactly(1);
    assertThat(config.layerWindows()).containsOnly(0);
  }

  @ParameterizedTest
  @CsvSource({
    "llama-mha,      llama,   false, NONE",
    "mistral-window, mistral, false, NONE",
    "qwen2-bias,     qwen2,   true,  NONE",
    "qwen3-qknorm,   qwen3,   false, HEAD",
  })
  void eachFamilyHasItsParts(String fixture, String family, boolean qkvBias, QkNorm qkNorm) {
    ModelConfig config = ModelConfigReader.read(ModelFolder.fixture(fixture));
    assertThat(config.family().modelType()).isEqualTo(family);
    assertThat(config.biases().qkv()).isEqualTo(qkvBias);
    assertThat(config.qkNorm()).isEqualTo(qkNorm);
    assertThat(config.biases().output()).isFalse();
    assertThat(config.biases().mlp()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"llama-mha", "llama-linear-rope", "llama-yarn", "llama3-gqa", "qwen3-qknorm"})
  void oldAndNewSpellingAreTheSameModel(String fixture) throws IOException {
    ModelConfig original = ModelConfigReader.read(ModelFolder.fixture(fixture));
    assertThat(edited(fixture, ModelConfigReaderTest::toOldSpelling)).isEqualTo(original);
    assertThat(edited(fixture, ModelConfigReaderTest::toNewSpelling)).isEqualTo(original);
  }

  private static void toOldSpelling(JsonObject config) {
    if (config.has("rope_parameters")) {
      JsonObject rope = config.remove("rope_parameters").getAsJsonObject();
      config.add("rope_theta", rope.remove("rope_theta"));
      JsonElement type = rope.remove("rope_type");
      rope.add("type", type);
      config.add("rope_scaling", type.getAsString().equals("default") ? JsonNull.INSTANCE : rope);
      config.add("torch_dtype", config.remove("dtype"));
    }
  }

  private static void toNewSpelling(JsonObject config) {
    toOldSpelling(config);
    JsonObject rope = new JsonObject();
    if (config.remove("rope_scaling") instanceof JsonObject scaling) {
      String type = scaling.has("type") ? "type" : "rope_type";
      rope = scaling;
      rope.add("rope_type", rope.remove(type));
    }
    rope.add("rope_theta", config.remove("rope_theta"));
    config.add("rope_parameters", rope);
    config.add("dtype", config.remove("torch_dtype"));
  }

  @Test
  void attentionBiasOfLlamaIsOnAllFourProjections() throws IOException {
    ModelConfig config =
        edited(
            "llama-mha",
            c -> {
              c.addProperty("attention_bias", true);
              c.addProperty("mlp_bias", true);
            });
    assertThat(config.biases().qkv()).isTrue();
    assertThat(config.biases().output()).isTrue();
    assertThat(config.biases().mlp()).isTrue();
  }

  @Test
  void mistralSlidesInEveryLayer() throws IOException {
    assertThat(ModelConfigReader.read(ModelFolder.fixture("mistral-window")).layerWindows())
        .containsExactly(64, 64, 64, 64);
    assertThat(
            edited("mistral-window", c -> c.add("sliding_window", JsonNull.INSTANCE))
                .layerWindows())
        .containsExactly(0, 0, 0, 0);
    assertThat(edited("mistral-window", c -> c.remove("sliding_window")).layerWindows())
        .containsExactly(4096, 4096, 4096, 4096);
  }

  @Test
  void qwenSlidesOnlyIfToldAndOnlyInUpperLayers() throws IOException {
    Consumer<JsonObject> sliding =
        c -> {
          c.remove("layer_types");
          c.addProperty("sliding_window", 128);
          c.addProperty("max_window_layers", 3);
        };
    assertThat(edited("qwen2-bias", sliding).layerWindows()).containsExactly(0, 0, 0, 0);
    assertThat(
            edited("qwen2-bias", sliding.andThen(c -> c.addProperty("use_sliding_window", true)))
                .layerWindows())
        .containsExactly(0, 0, 0, 128);
    assertThat(
            edited(
                    "qwen3-qknorm",
                    sliding.andThen(
                        c -> {
                          c.addProperty("use_sliding_window", true);
                          c.add(
                              "layer_types",
                              strings(
                                  "sliding_attention",
                                  "full_attention",
                                  "sliding_attention",
                                  "full_attention"));
                        }))
                .layerWindows())
        .containsExactly(128, 0, 128, 0);
  }

  @Test
  void absentKeysTakeTheFamilysDefaults() throws IOException {
    ModelConfig config =
        edited(
            "llama-mha",
            c ->
                List.of("head_dim", "num_key_value_heads", "hidden_act", "tie_word_embeddings")
                    .forEach(c::remove));
    assertThat(config.headDim()).isEqualTo(16);
    assertThat(config.kvHeads()).isEqualTo(4);
    assertThat(config.tieWordEmbeddings()).isFalse();
    assertThat(edited("qwen3-qknorm", c -> c.remove("head_dim")).headDim()).isEqualTo(128);
  }

  @Test
  void endOfSequenceMayBeAListAndBeginMayBeNull() throws IOException {
    ModelConfig config =
        edited(
            "llama-mha",
            c -> {
              c.add("eos_token_id", JsonParser.parseString("[128001, 128008, 128009]"));
              c.add("bos_token_id", JsonNull.INSTANCE);
            });
    assertThat(config.eosTokenIds()).containsExactly(128001, 128008, 128009);
    assertThat(config.bosTokenId()).isEmpty();
  }

  @Test
  void modelTypeDecidesWithoutArchitectures() throws IOException {
    assertThat(edited("qwen2-bias", c -> c.remove("architectures")).family())
        .hasToString("Qwen2ForCausalLM");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          architectures            | ["GemmaForCausalLM"] | one of LlamaForCausalLM, MistralForCausalLM
          hidden_act               | "gelu"       | silu
          hidden_size              | null         | is missing
          hidden_size              | 0            | at least 1
          hidden_size              | 64.5         | integer
          num_hidden_layers        | "4"          | a number
          num_key_value_heads      | 3            | a divisor of num_attention_heads, 4
          num_attention_heads      | 5            | divisor
          head_dim                 | 15           | even
          rms_norm_eps             | -1           | above 0
          tie_word_embeddings      | "yes"        | true or false
          eos_token_id             | "</s>"       | a number
          dtype                    | "float8"     | bfloat16, float16 or float32
          quantization_config      | {"bits": 4}  | quant_method is missing
          partial_rotary_factor    | 0.5          | all channels
          rope_parameters          | [1]          | an object
          rope_parameters          | {"rope_type": "mrope"} | one of default, linear, dynamic, llama3, yarn, longrope
          rope_parameters          | {"rope_type": "linear"}   | rope_parameters.factor is missing
          rope_parameters          | {"rope_type": "linear", "factor": 0.5} | at least 1
          rope_parameters          | {"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4} | above low_freq_factor
          rope_parameters          | {"full_attention": {}}    | for all layers
          """)
  void refusesWithFileKeyAndRemedy(String key, String value, String remedy) {
    assertThatThrownBy(() -> edited("llama-mha", c -> c.add(key, JsonParser.parseString(value))))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("config.json")
        .hasMessageContaining(key)
        .hasMessageContaining(remedy);
  }

  @Test
  void refusesAWindowThatIsNotThere() {
    assertThatThrownBy(
            () ->
                edited(
                    "qwen2-bias",
                    c ->
                        c.add(
                            "layer_types",
                            strings(
                                "sliding_attention",
                                "full_attention",
                                "full_attention",
                                "full_attention"))))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("no sliding window is set");
  }

  @Test
  void refusesAFolderWithoutConfigAndAConfigThatIsNoJson() throws IOException {
    assertThatThrownBy(() -> ModelConfigReader.read(folder))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("no config.json");
    Files.writeString(folder.resolve("config.json"), "{\"hidden_size\": 64,");
    assertThatThrownBy(() -> ModelConfigReader.read(folder))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("not valid JSON");
  }

  private static JsonArray strings(String... values) {
    JsonArray array = new JsonArray();
    List.of(values).forEach(array::add);
    return array;
  }
}
