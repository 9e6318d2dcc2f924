package dev.questspark.engine.model.family;

import dev.questspark.engine.checkpoint.files.JsonFields;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/** Families whose feed-forward layers are experts, of which a router chooses a few per token. */
final class MixtureOfExperts {
  private MixtureOfExperts() {}

  static void mixtral(JsonFields json, ModelDraft draft) {
    draft.slides(layer -> true);
    int count = json.requireCount("num_local_experts");
    draft.experts =
        Optional.of(
            new ModelConfig.Experts(
                count,
                perToken(json, count),
                json.requireCount("intermediate_size"),
                true,
                IntStream.range(0, draft.layers).mapToObj(layer -> true).toList(),
                "block_sparse_moe",
                List.of("w1", "w3", "w2")));
  }

  static void qwen3(JsonFields json, ModelDraft draft) {
    draft.attentionBias();
    draft.qkNorm = QkNorm.HEAD;
    if (json.flagOr("use_sliding_window", false)) {
      draft.slides(layer -> true);
    }
    // transformers 5 writes the second name for the first
    int count = json.countOr("num_local_experts", json.countOr("num_experts", 128));
    int step = json.requireCount("decoder_sparse_step");
    List<Integer> dense = json.integers("mlp_only_layers");
    draft.experts =
        Optional.of(
            new ModelConfig.Experts(
                count,
                perToken(json, count),
                json.requireCount("moe_intermediate_size"),
                json.flagOr("norm_topk_prob", false),
                IntStream.range(0, draft.layers)
                    .mapToObj(layer -> !dense.contains(layer) && (layer + 1) % step == 0)
                    .toList(),
                "mlp",
                List.of("gate_proj", "up_proj", "down_proj")));
  }

  private static int perToken(JsonFields json, int count) {
    int perToken = json.requireCount("num_experts_per_tok");
    if (perToken > count) {
      throw json.bad("num_experts_per_tok", "at most the number of experts, " + count);
    }
    return perToken;
  }
}
