package dev.questspark.engine.model;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.DType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Reads {@code config.json} of a Hugging Face model folder, in the old spelling ({@code
 * rope_theta}, {@code rope_scaling}, {@code torch_dtype}) and in that of transformers 5 ({@code
 * rope_parameters}, {@code dtype}). Absent keys take the defaults of transformers' configuration
 * classes where a published model may rely on them; sizes have no default.
 */
public final class ModelConfigReader {
  private final JsonFields json;
  private final ModelFamily family;

  private ModelConfigReader(JsonFields json) {
    this.json = json;
    this.family = family(json);
  }

  /** Reads {@code folder/config.json}. */
  public static ModelConfig read(Path folder) {
    Path file = folder.resolve("config.json");
    if (!Files.isRegularFile(file)) {
      throw new ConfigException(
          "model is " + folder + ", which holds no config.json; give a Hugging Face model folder");
    }
    return new ModelConfigReader(JsonFields.read(file)).read();
  }

  private ModelConfig read() {
    refuseWhatIsNotComputed();
    int hiddenSize = json.requireCount("hidden_size");
    int heads = json.requireCount("num_attention_heads");
    int kvHeads = json.countOr("num_key_value_heads", heads);
    if (heads % kvHeads != 0) {
      throw json.bad("num_key_value_heads", "a divisor of num_attention_heads, " + heads);
    }
    int layers = json.requireCount("num_hidden_layers");
    int maxPositionEmbeddings = json.requireCount("max_position_embeddings");
    boolean attentionBias =
        (family == ModelFamily.LLAMA || family == ModelFamily.QWEN3)
            && json.flagOr("attention_bias", false);
    List<Integer> bos = json.integers("bos_token_id");
    return new ModelConfig(
        family,
        new ModelConfig.Shape(
            json.requireCount("vocab_size"),
            hiddenSize,
            json.requireCount("intermediate_size"),
            layers,
            heads,
            kvHeads,
            headDim(hiddenSize, heads)),
        new ModelConfig.Parts(
            json.flagOr("tie_word_embeddings", false),
            attentionBias || family == ModelFamily.QWEN2,
            attentionBias,
            family == ModelFamily.LLAMA && json.flagOr("mlp_bias", false),
            family == ModelFamily.QWEN3),
        (float) json.requirePositive("rms_norm_eps"),
        new ModelConfig.Positions(
            layerWindows(layers),
            maxPositionEmbeddings,
            new RopeReader(json, maxPositionEmbeddings).read()),
        dtype(),
        new ModelConfig.Ends(
            bos.isEmpty() ? OptionalInt.empty() : OptionalInt.of(bos.get(0)),
            json.integers("eos_token_id")));
  }

  private static ModelFamily family(JsonFields json) {
    List<String> architectures = json.strings("architectures");
    if (!architectures.isEmpty()) {
      return ModelFamily.ofArchitecture(architectures.get(0))
          .orElseThrow(() -> json.bad("architectures", "one of " + ModelFamily.known()));
    }
    Optional<String> type = json.string("model_type");
    if (type.isEmpty()) {
      throw new ConfigException(
          json.file()
              + ": neither architectures nor model_type is given; known are "
              + ModelFamily.known());
    }
    return type.flatMap(ModelFamily::ofModelType)
        .orElseThrow(() -> json.bad("model_type", "that of one of " + ModelFamily.known()));
  }

  private void refuseWhatIsNotComputed() {
    if (!json.string("hidden_act").orElse("silu").equals("silu")) {
      throw json.bad("hidden_act", "silu, the only activation that is computed");
    }
    if (json.has("quantization_config")) {
      throw new ConfigException(
          json.file()
              + ": quantization_config is set; give the model in bfloat16, float16 or float32");
    }
  }

  private int headDim(int hiddenSize, int heads) {
    // Qwen3's class fixes 128 regardless of the hidden size; the others divide.
    int absent = family == ModelFamily.QWEN3 ? 128 : hiddenSize / heads;
    if (!json.has("head_dim") && family != ModelFamily.QWEN3 && hiddenSize % heads != 0) {
      throw json.bad("num_attention_heads", "a divisor of hidden_size, " + hiddenSize);
    }
    int headDim = json.countOr("head_dim", absent);
    if (headDim % 2 != 0) {
      throw new ConfigException(
          json.file() + ": head_dim is " + headDim + "; it must be even, RoPE turns pairs");
    }
    return headDim;
  }

  /**
   * Which layers see only a window. {@code layer_types} decides where given; else Mistral slides in
   * every layer, and Qwen, if {@code use_sliding_window}, from layer {@code max_window_layers} on.
   */
  private List<Integer> layerWindows(int layers) {
    int window =
        switch (family) {
          case LLAMA -> 0;
          case MISTRAL -> mistralWindow();
          case QWEN2, QWEN3 ->
              json.flagOr("use_sliding_window", false) ? json.requireCount("sliding_window") : 0;
        };
    List<String> types = json.strings("layer_types");
    if (!types.isEmpty() && family != ModelFamily.LLAMA) {
      return layerWindows(layers, window, types);
    }
    int firstSliding = 0;
    if (family != ModelFamily.MISTRAL && window > 0) {
      firstSliding = json.has("max_window_layers") ? json.requireInt("max_window_layers") : 28;
    }
    List<Integer> windows = new ArrayList<>(Collections.nCopies(layers, window));
    for (int layer = 0; layer < Math.min(firstSliding, layers); layer++) {
      windows.set(layer, 0);
    }
    return windows;
  }

  /** Null means none; an absent key means the 4096 of transformers' class. */
  private int mistralWindow() {
    return json.countOr("sliding_window", json.keys().contains("sliding_window") ? 0 : 4096);
  }

  private List<Integer> layerWindows(int layers, int window, List<String> types) {
    if (types.size() != layers) {
      throw json.bad("layer_types", "a list of " + layers + ", one per layer");
    }
    List<Integer> windows = new ArrayList<>(layers);
    for (String type : types) {
      switch (type) {
        case "full_attention" -> windows.add(0);
        case "sliding_attention" -> {
          if (window == 0) {
            throw json.bad("layer_types", "full_attention only, as no sliding window is set");
          }
          windows.add(window);
        }
        default -> throw json.bad("layer_types", "full_attention or sliding_attention per layer");
      }
    }
    return windows;
  }

  private Optional<DType> dtype() {
    String key = json.has("dtype") ? "dtype" : "torch_dtype";
    return json.string(key)
        .map(
            name ->
                switch (name) {
                  case "bfloat16" -> DType.BF16;
                  case "float16" -> DType.F16;
                  case "float32" -> DType.F32;
                  default -> throw json.bad(key, "bfloat16, float16 or float32");
                });
  }
}
