package dev.questspark.engine.model.family;

import dev.questspark.engine.checkpoint.files.JsonFields;
import java.util.List;

/** Families some of whose layers find their tokens by content alone. */
final class LayersWithoutPositions {
  private LayersWithoutPositions() {}

  static void smolLm3(JsonFields json, ModelDraft draft) {
    draft.attentionBias();
    draft.mlpBias = json.flagOr("mlp_bias", false);
    List<Integer> rotates =
        json.integers("no_rope_layers"); // 1 where there is RoPE, despite its name
    int interval = json.requireCount("no_rope_layer_interval");
    if (!rotates.isEmpty() && rotates.size() < draft.layers) {
      throw json.bad("no_rope_layers", "a list of " + draft.layers + ", one per layer");
    }
    if (json.flagOr("use_sliding_window", false)) {
      draft.slides(layer -> rests(rotates, interval, layer));
    }
    draft.withoutPositions(layer -> rests(rotates, interval, layer));
  }

  private static boolean rests(List<Integer> rotates, int interval, int layer) {
    return rotates.isEmpty() ? (layer + 1) % interval == 0 : rotates.get(layer) == 0;
  }

  /** Where some layers slide, those that see everything have no positions. */
  static void exaone4(JsonFields json, ModelDraft draft) {
    draft.qkNorm = QkNorm.HEAD;
    draft.norms = TensorNames.Norms.AFTER;
    if (json.has("sliding_window")) {
      draft.slides(
          json.element("sliding_window_pattern").isEmpty()
              ? layer -> false
              : layer -> slidesByPattern(json, layer, draft.layers));
      draft.withoutPositions(layer -> !draft.slides(layer));
    }
  }

  /** A period, of which the last layer sees everything, or a letter for each layer of a period. */
  private static boolean slidesByPattern(JsonFields json, int layer, int layers) {
    String key = "sliding_window_pattern";
    if (json.element(key).get().getAsJsonPrimitive().isNumber()) {
      return (layer + 1) % json.requireCount(key) != 0;
    }
    String letters = json.requireString(key);
    return layer < layers - 1 && letters.charAt(layer % letters.length()) == 'L';
  }

  /** One layer norm for both halves, which run side by side; layers that see everything rest. */
  static void cohere2(JsonFields json, ModelDraft draft) {
    draft.attentionBias();
    draft.epsKey = "layer_norm_eps";
    draft.centred = true;
    draft.parallel = true;
    draft.norms = TensorNames.Norms.shared("input_layernorm");
    draft.pairs = RotaryPairs.NEIGHBOURS;
    draft.logitScale = (float) json.requirePositive("logit_scale");
    draft.slidesBetweenEvery(json.requireCount("sliding_window_pattern"));
    draft.withoutPositions(layer -> !draft.slides(layer));
  }
}
