package dev.questspark.engine.model.family;

import dev.questspark.engine.checkpoint.files.JsonFields;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The families that the decoder computes: a row each. {@code docs/models.md} is written from it.
 */
public final class ModelFamilies {
  private static final String LLAMA = "{}";

  private static final List<ModelFamily> ALL =
      List.of(
          ModelFamily.of(
              "LlamaForCausalLM",
              "llama",
              "Llama 2, 3, 3.1, 3.2, 3.3; SmolLM2, Falcon3, Yi, Hermes, DeepSeek-R1-Distill-Llama",
              LLAMA,
              (json, draft) -> {
                draft.attentionBias();
                draft.mlpBias = json.flagOr("mlp_bias", false);
              }),
          ModelFamily.of(
              "MistralForCausalLM",
              "mistral",
              "Mistral 7B, Nemo, Small 24B, Large; Devstral Small",
              "{'sliding_window': 4096}",
              (json, draft) -> draft.slides(layer -> true)),
          ModelFamily.of(
              "MinistralForCausalLM",
              "ministral",
              "Ministral 8B",
              "{'sliding_window': 4096}",
              (json, draft) -> draft.slides(layer -> true)),
          ModelFamily.withImages(
              "Mistral3ForConditionalGeneration",
              "mistral3",
              "Mistral Small 3.1 and 3.2, Magistral Small",
              "mistral"),
          ModelFamily.of(
              "MixtralForCausalLM",
              "mixtral",
              "Mixtral 8x7B, 8x22B",
              "{'num_local_experts': 8, 'num_experts_per_tok': 2, 'rope_theta': 1000000.0}",
              MixtureOfExperts::mixtral),
          ModelFamily.of(
              "Qwen2ForCausalLM",
              "qwen2",
              "Qwen2, Qwen2.5, QwQ; DeepSeek-R1-Distill-Qwen",
              LLAMA,
              (json, draft) -> {
                draft.qkvBias = true;
                qwenWindows(json, draft);
              }),
          ModelFamily.of(
              "Qwen3ForCausalLM",
              "qwen3",
              "Qwen3 0.6B to 32B",
              "{'head_dim': 128}",
              (json, draft) -> {
                draft.attentionBias();
                draft.qkNorm = QkNorm.HEAD;
                qwenWindows(json, draft);
              }),
          ModelFamily.of(
              "Qwen3MoeForCausalLM",
              "qwen3_moe",
              "Qwen3 30B-A3B and 235B-A22B, Qwen3-Coder 30B-A3B",
              "{'num_experts_per_tok': 8, 'moe_intermediate_size': 768,"
                  + " 'decoder_sparse_step': 1}",
              MixtureOfExperts::qwen3),
          ModelFamily.of(
              "SmolLM3ForCausalLM",
              "smollm3",
              "SmolLM3 3B",
              "{'tie_word_embeddings': true, 'rope_theta': 2000000.0, 'no_rope_layer_interval': 4}",
              LayersWithoutPositions::smolLm3),
          ModelFamily.of(
              "SeedOssForCausalLM",
              "seed_oss",
              "Seed-OSS 36B",
              "{'head_dim': 128, 'attention_bias': true}",
              (json, draft) -> {
                draft.qkvBias = json.flagOr("attention_bias", true);
                draft.outputBias = json.flagOr("attention_out_bias", false);
                draft.mlpBias = json.flagOr("mlp_bias", false);
              }),
          ModelFamily.of(
              "Ernie4_5ForCausalLM",
              "ernie4_5",
              "ERNIE 4.5 0.3B",
              "{'head_dim': 128, 'tie_word_embeddings': true, 'rope_theta': 500000.0}",
              (json, draft) -> {
                draft.qkvBias = json.flagOr("use_bias", false);
                draft.outputBias = draft.qkvBias;
                draft.mlpBias = draft.qkvBias;
                draft.pairs = RotaryPairs.NEIGHBOURS;
              }),
          ModelFamily.of(
              "ArceeForCausalLM",
              "arcee",
              "Arcee AFM 4.5B",
              LLAMA,
              (json, draft) -> {
                draft.attentionBias();
                draft.mlpBias = json.flagOr("mlp_bias", false);
                draft.gated = false;
              }),
          ModelFamily.of(
              "Phi3ForCausalLM",
              "phi3",
              "Phi-3 mini and medium, Phi-3.5 mini, Phi-4, Phi-4 mini",
              LLAMA,
              (json, draft) -> {
                draft.fusedQkv = true;
                draft.fusedGateUp = true;
                draft.partialRotary = true;
                draft.slides(layer -> true);
              }),
          ModelFamily.of(
              "GraniteForCausalLM",
              "granite",
              "Granite 3.0 to 3.3",
              LLAMA,
              (json, draft) -> {
                draft.attentionBias();
                draft.mlpBias = json.flagOr("mlp_bias", false);
                draft.embeddingScale = (float) json.positiveOr("embedding_multiplier", 1);
                draft.residualScale = (float) json.positiveOr("residual_multiplier", 1);
                draft.attentionScale = (float) json.positiveOr("attention_multiplier", 1);
                draft.logitScale = (float) (1 / json.positiveOr("logits_scaling", 1));
              }),
          ModelFamily.of(
              "Olmo2ForCausalLM",
              "olmo2",
              "OLMo 2 1B to 32B",
              LLAMA,
              (json, draft) -> {
                draft.attentionBias();
                draft.qkNorm = QkNorm.ROW;
                draft.norms = TensorNames.Norms.AFTER;
              }),
          ModelFamily.of(
              "Olmo3ForCausalLM",
              "olmo3",
              "OLMo 3 7B, 32B",
              "{'sliding_window': 4096, 'rope_theta': 500000.0}",
              (json, draft) -> {
                draft.attentionBias();
                draft.qkNorm = QkNorm.ROW;
                draft.norms = TensorNames.Norms.AFTER;
                draft.slidesBetweenEvery(4);
                draft.ropePerLayerType("rope_theta");
              }),
          ModelFamily.of(
              "Gemma2ForCausalLM",
              "gemma2",
              "Gemma 2 2B, 9B, 27B",
              Gemma.DEFAULTS_2,
              Gemma::second),
          ModelFamily.of(
              "Gemma3ForCausalLM",
              "gemma3_text",
              "Gemma 3 270M, 1B",
              Gemma.DEFAULTS_3,
              Gemma::third),
          ModelFamily.withImages(
              "Gemma3ForConditionalGeneration",
              "gemma3",
              "Gemma 3 4B, 12B, 27B; MedGemma",
              "gemma3_text"),
          ModelFamily.of(
              "Glm4ForCausalLM",
              "glm4",
              "GLM-4 9B and 32B of 2025 (0414), GLM-Z1",
              "{'head_dim': 128, 'attention_bias': true, 'partial_rotary_factor': 0.5}",
              (json, draft) -> {
                draft.qkvBias = json.flagOr("attention_bias", true);
                draft.fusedGateUp = true;
                draft.partialRotary = true;
                draft.pairs = RotaryPairs.NEIGHBOURS;
                draft.norms =
                    TensorNames.Norms.around(
                        "input_layernorm",
                        "post_self_attn_layernorm",
                        "post_attention_layernorm",
                        "post_mlp_layernorm");
              }),
          ModelFamily.of(
              "Exaone4ForCausalLM",
              "exaone4",
              "EXAONE 4.0 1.2B, 32B",
              "{'sliding_window': 4096, 'sliding_window_pattern': 4}",
              LayersWithoutPositions::exaone4),
          ModelFamily.of(
              "HunYuanDenseV1ForCausalLM",
              "hunyuan_v1_dense",
              "Hunyuan 0.5B to 7B",
              LLAMA,
              (json, draft) -> {
                draft.attentionBias();
                draft.qkNorm = QkNorm.HEAD_AFTER_ROTATION;
                draft.queryNorm = "query_layernorm";
                draft.keyNorm = "key_layernorm";
              }),
          ModelFamily.of(
              "Cohere2ForCausalLM",
              "cohere2",
              "Command R7B, Command A",
              "{'sliding_window': 4096, 'tie_word_embeddings': true, 'logit_scale': 0.0625,"
                  + " 'sliding_window_pattern': 4, 'layer_norm_eps': 1e-5}",
              LayersWithoutPositions::cohere2),
          ModelFamily.of(
              "ApertusForCausalLM",
              "apertus",
              "Apertus 8B, 70B",
              "{'hidden_act': 'xielu', 'rope_theta': 12000000.0}",
              (json, draft) -> {
                draft.attentionBias();
                draft.qkNorm = QkNorm.HEAD;
                draft.norms =
                    TensorNames.Norms.before("attention_layernorm", "feedforward_layernorm");
                draft.gated = false;
              }),
          ModelFamily.of(
              "NemotronForCausalLM",
              "nemotron",
              "Minitron 4B and 8B, Nemotron-4 340B",
              "{'partial_rotary_factor': 0.5, 'norm_eps': 1e-5}",
              (json, draft) -> {
                draft.attentionBias();
                draft.mlpBias = json.flagOr("mlp_bias", false);
                draft.epsKey = "norm_eps";
                draft.centred = true;
                draft.normBias = true;
                draft.weightOffset = 1;
                draft.gated = false;
                draft.partialRotary = true;
              }));

  /** What the best-known of the other families need. */
  private static final Map<String, String> REFUSED =
      new TreeMap<>(
          Map.of(
              "Qwen3NextForCausalLM", "linear attention in most of its layers",
              "Qwen3_5ForCausalLM", "linear attention in most of its layers",
              "Qwen3_5ForConditionalGeneration", "linear attention in most of its layers",
              "GptOssForCausalLM", "attention sinks, experts with biases and MXFP4 weights",
              "DeepseekV3ForCausalLM", "latent attention (MLA)",
              "Lfm2ForCausalLM", "short convolutions in most of its layers",
              "Llama4ForCausalLM", "attention in chunks and experts that are shared",
              "Llama4ForConditionalGeneration", "attention in chunks and experts that are shared"));

  private ModelFamilies() {}

  private static void qwenWindows(JsonFields json, ModelDraft draft) {
    if (json.flagOr("use_sliding_window", false)) {
      int first = json.has("max_window_layers") ? json.requireInt("max_window_layers") : 28;
      json.requireCount("sliding_window");
      draft.slides(layer -> layer >= first);
    } else if (json.strings("layer_types").contains("sliding_attention")) {
      throw json.bad("layer_types", "full_attention only, as no sliding window is set");
    }
  }

  /** All families, as the documentation lists them. */
  public static List<ModelFamily> all() {
    return ALL;
  }

  /** What the best-known families that are refused would need, by architecture. */
  public static Map<String, String> refused() {
    return REFUSED;
  }

  /** The family of an entry of {@code architectures}. */
  static Optional<ModelFamily> ofArchitecture(String name) {
    return ALL.stream().filter(f -> f.architecture().equals(name)).findFirst();
  }

  /** The family of a {@code model_type}. */
  static Optional<ModelFamily> ofModelType(String name) {
    return ALL.stream().filter(f -> f.modelType().equals(name)).findFirst();
  }

  /** All architectures, for messages. */
  static String known() {
    return ALL.stream().map(ModelFamily::architecture).collect(Collectors.joining(", "));
  }
}
