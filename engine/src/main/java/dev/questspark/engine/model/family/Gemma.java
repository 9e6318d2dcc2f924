package dev.questspark.engine.model.family;

import dev.questspark.engine.checkpoint.files.JsonFields;

/**
 * Gemma 2 and 3: norms around both halves of a layer that store what they differ from 1 by, GeGLU,
 * embeddings scaled by sqrt(H), local and global layers.
 */
final class Gemma {
  private static final String SIZES =
      "'hidden_size': 2304, 'intermediate_size': 9216, 'num_hidden_layers': 26,"
          + " 'num_attention_heads': 8, 'num_key_value_heads': 4, 'head_dim': 256,"
          + " 'rms_norm_eps': 1e-6, 'tie_word_embeddings': true, 'query_pre_attn_scalar': 256,"
          + " 'hidden_activation': 'gelu_pytorch_tanh', 'sliding_window': 4096,"
          + " 'bos_token_id': 2, 'eos_token_id': 1";

  static final String DEFAULTS_2 =
      "{'vocab_size': 256000, 'max_position_embeddings': 8192, 'attn_logit_softcapping': 50.0,"
          + " 'final_logit_softcapping': 30.0, "
          + SIZES
          + "}";

  static final String DEFAULTS_3 =
      "{'vocab_size': 262208, 'max_position_embeddings': 131072, 'rope_theta': 1000000.0,"
          + " 'rope_local_base_freq': 10000.0, 'sliding_window_pattern': 6, "
          + SIZES
          + "}";

  private Gemma() {}

  static void second(JsonFields json, ModelDraft draft) {
    both(json, draft);
    draft.slidesBetweenEvery(2);
  }

  static void third(JsonFields json, ModelDraft draft) {
    if (json.flagOr("use_bidirectional_attention", false)) {
      throw json.bad("use_bidirectional_attention", "false, as a token sees those before it alone");
    }
    both(json, draft);
    draft.qkNorm = QkNorm.HEAD;
    draft.slidesBetweenEvery(json.requireCount("sliding_window_pattern"));
    draft.ropePerLayerType("rope_local_base_freq");
  }

  private static void both(JsonFields json, ModelDraft draft) {
    draft.attentionBias();
    draft.weightOffset = 1;
    draft.activationKey = "hidden_activation";
    draft.embeddingScale = (float) Math.sqrt(json.requireCount("hidden_size"));
    draft.attentionScale = (float) (1 / Math.sqrt(json.requirePositive("query_pre_attn_scalar")));
    draft.attentionCap = (float) json.positiveOr("attn_logit_softcapping", 0);
    draft.logitCap = (float) json.positiveOr("final_logit_softcapping", 0);
    draft.norms =
        TensorNames.Norms.around(
            "input_layernorm",
            "post_attention_layernorm",
            "pre_feedforward_layernorm",
            "post_feedforward_layernorm");
  }
}
