package dev.questspark.engine.model.family;

import dev.questspark.engine.checkpoint.files.JsonFields;
import dev.questspark.engine.model.rope.RopeConfig;
import dev.questspark.engine.model.rope.RopeReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;

/**
 * What a family says about its layers. It begins as Llama's; a family's row sets what differs. The
 * fields are those of {@link ModelConfig}'s parts.
 */
final class ModelDraft {
  private static final String FULL = "full_attention";
  private static final String SLIDING = "sliding_attention";

  final int layers;
  final int headDim;
  final int maxPositionEmbeddings;
  private final JsonFields json;

  boolean qkvBias;
  boolean outputBias;
  boolean mlpBias;
  String epsKey = "rms_norm_eps";
  float weightOffset;
  boolean centred;
  boolean normBias;
  QkNorm qkNorm = QkNorm.NONE;
  boolean gated = true;
  String activationKey = "hidden_act";
  Optional<ModelConfig.Experts> experts = Optional.empty();
  boolean parallel;

  float embeddingScale = 1;
  float residualScale = 1;
  float attentionScale;
  float logitScale = 1;
  float attentionCap;
  float logitCap;

  boolean partialRotary;
  RotaryPairs pairs = RotaryPairs.HALVES;
  List<Integer> windows;
  private IntFunction<RopeConfig> ropes = layer -> rope();

  TensorNames.Norms norms = TensorNames.Norms.BEFORE;
  String queryNorm = "q_norm";
  String keyNorm = "k_norm";
  boolean fusedQkv;
  boolean fusedGateUp;

  ModelDraft(JsonFields json, int layers, int headDim, int maxPositionEmbeddings) {
    this.json = json;
    this.layers = layers;
    this.headDim = headDim;
    this.maxPositionEmbeddings = maxPositionEmbeddings;
    this.attentionScale = (float) (1 / Math.sqrt(headDim));
    this.windows = windows(0, layer -> false);
  }

  /** {@code attention_bias} is on all four projections of attention. */
  void attentionBias() {
    qkvBias = json.flagOr("attention_bias", false);
    outputBias = qkvBias;
  }

  /** Layers that slide have this window: those of {@code sliding}, or what the model says. */
  void slides(IntPredicate sliding) {
    int window = json.countOr("sliding_window", 0);
    List<String> types = json.strings("layer_types");
    windows = types.isEmpty() ? windows(window, sliding) : windows(window, types);
  }

  /** All layers see everything after every {@code period - 1} that slide. */
  void slidesBetweenEvery(int period) {
    slides(layer -> (layer + 1) % period != 0);
  }

  private List<Integer> windows(int window, IntPredicate sliding) {
    List<Integer> windows = new ArrayList<>(layers);
    for (int layer = 0; layer < layers; layer++) {
      windows.add(sliding.test(layer) ? window : 0);
    }
    return windows;
  }

  private List<Integer> windows(int window, List<String> types) {
    if (types.size() != layers) {
      throw json.bad("layer_types", "a list of " + layers + ", one per layer");
    }
    for (String type : types) {
      if (type.equals(SLIDING) && window == 0) {
        throw json.bad("layer_types", FULL + " only, as no sliding window is set");
      }
      if (!type.equals(SLIDING) && !type.equals(FULL)) {
        throw json.bad("layer_types", FULL + " or " + SLIDING + " per layer");
      }
    }
    return windows(window, layer -> types.get(layer).equals(SLIDING));
  }

  /** Whether a layer sees only a window. */
  boolean slides(int layer) {
    return windows.get(layer) > 0;
  }

  /** Layers whose tokens have no positions. */
  void withoutPositions(IntPredicate layer) {
    RopeConfig none = new RopeConfig.None();
    IntFunction<RopeConfig> others = ropes;
    ropes = index -> layer.test(index) ? none : others.apply(index);
  }

  /**
   * Layers that slide turn otherwise than those that see everything.
   *
   * @param slidingTheta the older key of the sliding layers' base
   */
  void ropePerLayerType(String slidingTheta) {
    RopeConfig full = reader().read(FULL, "rope_theta", true);
    RopeConfig sliding = reader().read(SLIDING, slidingTheta, false);
    ropes = layer -> slides(layer) ? sliding : full;
  }

  List<RopeConfig> ropes() {
    List<RopeConfig> all = new ArrayList<>(layers);
    for (int layer = 0; layer < layers; layer++) {
      all.add(ropes.apply(layer));
    }
    return all;
  }

  private RopeConfig rope() {
    return reader().read();
  }

  private RopeReader reader() {
    return new RopeReader(json, maxPositionEmbeddings, headDim, partialRotary);
  }

  Activation activation() {
    String name = json.string(activationKey).orElse(gated ? "silu" : "relu2");
    return Activation.of(name, gated)
        .orElseThrow(
            () -> json.bad(activationKey, "one of " + Activation.known(gated) + " in this family"));
  }
}
