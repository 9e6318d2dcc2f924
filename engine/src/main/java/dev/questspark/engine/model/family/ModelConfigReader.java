package dev.questspark.engine.model.family;

import dev.questspark.engine.checkpoint.ModelFiles;
import dev.questspark.engine.checkpoint.files.JsonFields;
import dev.questspark.engine.checkpoint.quantised.Quantization;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.DType;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Reads {@code config.json} of a Hugging Face model folder, in the old spelling ({@code
 * rope_theta}, {@code rope_scaling}, {@code torch_dtype}) and in that of transformers 5 ({@code
 * rope_parameters}, {@code dtype}). Absent keys take the defaults of transformers' configuration
 * classes where a published model may rely on them; most sizes have no default.
 */
public final class ModelConfigReader {
  static final String TEXT_PART = "text_config";

  private final JsonFields root;
  private final JsonFields json; // the decoder's part of it
  private final ModelFamily family; // of that part
  private final boolean withImages;

  private ModelConfigReader(JsonFields root) {
    this.root = root;
    ModelFamily outer = family(root);
    this.withImages = outer.textPart().isPresent();
    if (withImages) {
      JsonFields part = root.object(TEXT_PART).orElse(root);
      String type = part.string("model_type").orElse(outer.textPart().get());
      this.family =
          ModelFamilies.ofModelType(type)
              .filter(inner -> inner.textPart().isEmpty())
              .orElseThrow(() -> part.bad("model_type", "that of one of " + ModelFamilies.known()));
      this.json = part.withDefaults(family.defaults());
    } else {
      this.family = outer;
      this.json = root.withDefaults(outer.defaults());
    }
  }

  /** Reads a model's {@code config.json}, or what stands for it. */
  public static ModelConfig read(Path model) {
    return read(model, "{}");
  }

  /**
   * Reads a model's {@code config.json}, some of whose fields are replaced.
   *
   * @param overrides a JSON object: {@link ConfigOverrides}
   */
  public static ModelConfig read(Path model, String overrides) {
    JsonFields stored = ModelFiles.of(model).requireJson("config.json");
    return new ModelConfigReader(ConfigOverrides.of(overrides).in(stored)).read();
  }

  private ModelConfig read() {
    Quantization.of(root); // one that is not known is refused
    int hiddenSize = json.requireCount("hidden_size");
    int heads = json.requireCount("num_attention_heads");
    int kvHeads = json.countOr("num_key_value_heads", heads);
    if (heads % kvHeads != 0) {
      throw json.bad("num_key_value_heads", "a divisor of num_attention_heads, " + heads);
    }
    ModelConfig.Shape shape =
        new ModelConfig.Shape(
            json.requireCount("vocab_size"),
            hiddenSize,
            json.requireCount("intermediate_size"),
            json.requireCount("num_hidden_layers"),
            heads,
            kvHeads,
            headDim(hiddenSize, heads));
    int maxPositionEmbeddings = json.requireCount("max_position_embeddings");
    ModelDraft draft = new ModelDraft(json, shape.layers(), shape.headDim(), maxPositionEmbeddings);
    family.reading().read(json, draft);
    return new ModelConfig(
        family,
        shape,
        block(draft),
        scales(draft),
        positions(draft),
        names(draft),
        dtype(),
        ends());
  }

  private static ModelFamily family(JsonFields json) {
    List<String> architectures = json.strings("architectures");
    if (!architectures.isEmpty()) {
      String name = architectures.get(0);
      return ModelFamilies.ofArchitecture(name).orElseThrow(() -> unknown(json, name));
    }
    Optional<String> type = json.string("model_type");
    if (type.isEmpty()) {
      throw new ConfigException(
          json.file()
              + ": neither architectures nor model_type is given; known are "
              + ModelFamilies.known());
    }
    return type.flatMap(ModelFamilies::ofModelType)
        .orElseThrow(() -> json.bad("model_type", "that of one of " + ModelFamilies.known()));
  }

  private static ConfigException unknown(JsonFields json, String architecture) {
    String needs = ModelFamilies.refused().get(architecture);
    return json.bad(
        "architectures",
        (needs == null ? "" : "a family without " + needs + ", which is not computed: ")
            + "one of "
            + ModelFamilies.known());
  }

  private int headDim(int hiddenSize, int heads) {
    if (!json.has("head_dim") && hiddenSize % heads != 0) {
      throw json.bad("num_attention_heads", "a divisor of hidden_size, " + hiddenSize);
    }
    int headDim = json.countOr("head_dim", hiddenSize / heads);
    if (headDim % 2 != 0) {
      throw new ConfigException(
          json.file() + ": head_dim is " + headDim + "; it must be even, RoPE turns pairs");
    }
    return headDim;
  }

  private ModelConfig.Block block(ModelDraft draft) {
    return new ModelConfig.Block(
        new ModelConfig.Norm(
            (float) json.requirePositive(draft.epsKey),
            draft.weightOffset,
            draft.centred,
            draft.normBias),
        draft.qkNorm,
        draft.activation(),
        new ModelConfig.Biases(draft.qkvBias, draft.outputBias, draft.mlpBias),
        draft.experts,
        draft.parallel,
        tied());
  }

  /** With images, the outer flag decides, as the head is the outer model's. */
  private boolean tied() {
    String key = "tie_word_embeddings";
    return withImages && root.has(key) ? root.flagOr(key, false) : json.flagOr(key, false);
  }

  private static ModelConfig.Scales scales(ModelDraft draft) {
    return new ModelConfig.Scales(
        draft.embeddingScale,
        draft.residualScale,
        draft.attentionScale,
        draft.logitScale,
        draft.attentionCap,
        draft.logitCap);
  }

  private static ModelConfig.Positions positions(ModelDraft draft) {
    return new ModelConfig.Positions(
        draft.windows, draft.ropes(), draft.pairs, draft.maxPositionEmbeddings);
  }

  private TensorNames names(ModelDraft draft) {
    return new TensorNames(
        withImages
            ? List.of("language_model.model.", "model.language_model.", "model.")
            : List.of("model."),
        withImages ? List.of("language_model.lm_head", "lm_head") : List.of("lm_head"),
        draft.norms,
        draft.queryNorm,
        draft.keyNorm,
        draft.fusedQkv,
        draft.fusedGateUp,
        withImages ? List.of("vision_tower.", "multi_modal_projector.") : List.of());
  }

  private ModelConfig.Ends ends() {
    List<Integer> bos = either("bos_token_id");
    return new ModelConfig.Ends(
        bos.isEmpty() ? OptionalInt.empty() : OptionalInt.of(bos.get(0)), either("eos_token_id"));
  }

  private List<Integer> either(String key) {
    List<Integer> outer = root.integers(key);
    return outer.isEmpty() ? json.integers(key) : outer;
  }

  private Optional<DType> dtype() {
    for (JsonFields fields : List.of(root, json)) {
      for (String key : List.of("dtype", "torch_dtype")) {
        if (fields.has(key)) {
          return Optional.of(dtype(fields, key));
        }
      }
    }
    return Optional.empty();
  }

  private static DType dtype(JsonFields fields, String key) {
    return switch (fields.requireString(key)) {
      case "bfloat16" -> DType.BF16;
      case "float16" -> DType.F16;
      case "float32" -> DType.F32;
      default -> throw fields.bad(key, "bfloat16, float16 or float32");
    };
  }
}
