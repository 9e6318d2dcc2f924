package dev.questspark.engine.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.family.ConfigOverrides;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.model.family.ModelConfigReader;
import dev.questspark.engine.model.family.ModelFamilies;
import dev.questspark.engine.model.rope.RopeConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Keys as published models have them: older spellings, absent ones, a text part among others. */
class PublishedConfigsTest {
  @TempDir Path folder;

  private ModelConfig read(String json, String overrides) throws IOException {
    Files.writeString(folder.resolve("config.json"), json);
    return ModelConfigReader.read(folder, overrides);
  }

  private ModelConfig read(String json) throws IOException {
    return read(json, "{}");
  }

  /** Gemma 3's image models say only what differs from the class. */
  @Test
  void aTextPartTakesTheDefaultsOfItsClass() throws IOException {
    ModelConfig config =
        read(
            """
            {"architectures": ["Gemma3ForConditionalGeneration"], "eos_token_id": [1, 106], "torch_dtype": "bfloat16",
             "text_config": {"model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240,
              "num_hidden_layers": 34, "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024},
             "vision_config": {"hidden_size": 1152}}
            """);
    assertThat(config.family()).hasToString("Gemma3ForCausalLM");
    assertThat(config.vocabSize()).isEqualTo(262_208);
    assertThat(config.headDim()).isEqualTo(256);
    assertThat(config.tieWordEmbeddings()).isTrue();
    assertThat(config.eosTokenIds()).containsExactly(1, 106);
    assertThat(config.window(4)).isEqualTo(1024);
    assertThat(config.window(5)).isZero();
    assertThat(config.rope(4)).isEqualTo(new RopeConfig.Default(10_000));
    assertThat(config.rope(5)).isEqualTo(new RopeConfig.Linear(1_000_000, 8));
    assertThat(config.contextTokens()).isEqualTo(131_072);
  }

  @Test
  void aTextPartIsOfItsOwnFamily() throws IOException {
    ModelConfig config =
        read(
            """
            {"architectures": ["Mistral3ForConditionalGeneration"],
             "text_config": {"model_type": "mistral", "hidden_size": 5120, "intermediate_size": 32768, "head_dim": 128,
              "num_hidden_layers": 40, "num_attention_heads": 32, "num_key_value_heads": 8, "rms_norm_eps": 1e-05,
              "max_position_embeddings": 131072, "rope_theta": 1000000000.0, "sliding_window": null,
              "vocab_size": 131072}}
            """);
    assertThat(config.family()).hasToString("MistralForCausalLM");
    assertThat(config.layerWindows()).containsOnly(0);
    assertThat(config.rope(0)).isEqualTo(new RopeConfig.Default(1e9));
    assertThatThrownBy(
            () ->
                read(
                    """
                    {"architectures": ["Mistral3ForConditionalGeneration"],
                     "text_config": {"model_type": "ministral3", "hidden_size": 4096}}
                    """))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("text_config.model_type is \"ministral3\"");
  }

  private static final String LAYERS =
      """
      "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 5, "num_attention_heads": 4,
      "num_key_value_heads": 2, "vocab_size": 100, "rms_norm_eps": 1e-6, "max_position_embeddings": 40960
      """;

  @Test
  void layersWithoutPositionsAreEveryFourthOrListed() throws IOException {
    String smol = "{\"architectures\": [\"SmolLM3ForCausalLM\"], " + LAYERS;
    RopeConfig none = new RopeConfig.None();
    ModelConfig config = read(smol + "}");
    assertThat(config.rope(2)).isEqualTo(new RopeConfig.Default(2_000_000));
    assertThat(config.rope(3)).isEqualTo(none);
    ModelConfig listed = read(smol + ", \"no_rope_layers\": [0, 1, 1, 1, 1], \"rope_theta\": 5e6}");
    assertThat(listed.rope(0)).isEqualTo(none);
    assertThat(listed.rope(3)).isEqualTo(new RopeConfig.Default(5_000_000));
    assertThat(listed.contextTokens()).isEqualTo(40_960);
  }

  @Test
  void slidingLayersFollowAPatternOfLetters() throws IOException {
    String exaone = "{\"architectures\": [\"Exaone4ForCausalLM\"], " + LAYERS;
    ModelConfig config =
        read(exaone + ", \"sliding_window\": 32, \"sliding_window_pattern\": \"LLLG\"}");
    assertThat(config.layerWindows()).containsExactly(32, 32, 32, 0, 0); // the last sees everything
    assertThat(config.rope(3)).isEqualTo(new RopeConfig.None());
    ModelConfig whole = read(exaone + ", \"sliding_window\": null}");
    assertThat(whole.layerWindows()).containsOnly(0);
    assertThat(whole.rope(3)).isEqualTo(new RopeConfig.Default(10_000));
  }

  /** Older Phi configurations have the share of rotated channels outside. */
  @Test
  void partOfAHeadTurns() throws IOException {
    ModelConfig config =
        read(
            "{\"architectures\": [\"Phi3ForCausalLM\"], "
                + LAYERS
                + ", \"partial_rotary_factor\": 0.75, \"rope_theta\": 10000.0}");
    RopeConfig turning = new RopeConfig.Partial(new RopeConfig.Default(10_000), 12);
    assertThat(config.rope(0)).isEqualTo(turning);
    assertThat(turning.rotatedChannels(16)).isEqualTo(12);
    assertThat(turning.inverseFrequencies(16, 100)).endsWith(0f, 0f).startsWith(1f);
  }

  private static final String QWEN =
      "{\"architectures\": [\"Qwen3ForCausalLM\"], "
          + LAYERS
          + ", \"rope_parameters\": "
          + "{\"rope_type\": \"default\", \"rope_theta\": 1000000.0}}";

  @Test
  void ropeScalingMakesAModelReadLongerTexts() throws IOException {
    String yarn =
        "{\"rope_type\": \"yarn\", \"factor\": 4.0, \"original_max_position_embeddings\": 32768}";
    assertThat(read(QWEN).contextTokens()).isEqualTo(40_960);
    ModelConfig config = read(QWEN, ConfigOverrides.joined(null, yarn));
    assertThat(config.contextTokens()).isEqualTo(131_072);
    RopeConfig.Yarn rope = (RopeConfig.Yarn) config.rope(0);
    assertThat(rope.theta()).as("of the file").isEqualTo(1e6);
    assertThat(rope.factor()).isEqualTo(4);
  }

  @Test
  void overridesReplaceFieldsOfTheFileOrOfItsTextPart() throws IOException {
    assertThat(read(QWEN, "{\"max_position_embeddings\": 1000}").contextTokens()).isEqualTo(1000);
    String wrapped =
        "{\"architectures\": [\"Mistral3ForConditionalGeneration\"], \"eos_token_id\": 2,"
            + " \"text_config\": {"
            + LAYERS
            + "}}";
    ModelConfig config = read(wrapped, "{\"max_position_embeddings\": 1000, \"eos_token_id\": 7}");
    assertThat(config.contextTokens()).isEqualTo(1000);
    assertThat(config.eosTokenIds()).containsExactly(7);
  }

  @Test
  void overridesAreOneJsonObject() {
    assertThat(ConfigOverrides.joined(null, null)).isEqualTo("{}");
    assertThatThrownBy(() -> ConfigOverrides.joined("[1]", null))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("hf_overrides is [1]; it must be a JSON object");
    assertThatThrownBy(() -> ConfigOverrides.joined(null, "yarn"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("rope_scaling is yarn; it must be a JSON object");
    assertThatThrownBy(() -> ConfigOverrides.joined("{\"rope_scaling\": {}}", "{\"factor\": 2}"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("give one of them");
  }

  private static Iterable<String> refused() {
    return ModelFamilies.refused().keySet();
  }

  @ParameterizedTest
  @MethodSource("refused")
  void knownFamiliesThatAreNotComputedAreRefusedWithWhatTheyNeed(String architecture) {
    assertThatThrownBy(() -> read("{\"architectures\": [\"" + architecture + "\"]}"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(architecture)
        .hasMessageContaining(ModelFamilies.refused().get(architecture))
        .hasMessageContaining("one of LlamaForCausalLM");
  }
}
