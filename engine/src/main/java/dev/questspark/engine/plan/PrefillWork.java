package dev.questspark.engine.plan;

import dev.questspark.engine.EnginePlan;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.policy.cache.TokenSelection;
import dev.questspark.engine.policy.cache.tokens.ReaderKind;

/**
 * Floating-point operations of a document's prefill, a multiplication and an addition counting two.
 * Attention is counted as dense; a prefill that reads lists of key blocks computes less of it.
 *
 * @param linear in the layers' matrix products
 * @param attention in the products of queries and keys, and of weights and values
 */
public record PrefillWork(double linear, double attention) {

  /**
   * What a policy makes of a document.
   *
   * @param policy that the engine is planned with
   * @param tokens of the document
   */
  public static PrefillWork of(EnginePlan engine, CachePolicy policy, int tokens) {
    CachePolicy resolved = engine.reading().resolved(policy);
    ModelConfig model = engine.model();
    TokenSelection selection = resolved.part(TokenSelection.class).orElse(null);
    if (selection != null) {
      PrefillWork kept = dense(model, model.layers(), selection.mostKept(tokens, 1));
      ModelConfig reader =
          selection.reader() == ReaderKind.LAYERS ? model : engine.reading().readerModel().get();
      return kept.plus(dense(reader, selection.layers(), tokens));
    }
    PrefillWork once = dense(model, model.layers(), tokens);
    // To repeat the document is to read it again, every row with all of it before.
    return resolved.reconstruction().isPresent()
        ? once.plus(new PrefillWork(once.linear, 2 * once.attention))
        : once;
  }

  /** Operations in all. */
  public double total() {
    return linear + attention;
  }

  private PrefillWork plus(PrefillWork other) {
    return new PrefillWork(linear + other.linear, attention + other.attention);
  }

  private static PrefillWork dense(ModelConfig model, int layers, int tokens) {
    double linear = 0;
    double attention = 0;
    for (int layer = 0; layer < layers; layer++) {
      linear += 2.0 * tokens * weights(model, layer);
      attention += 4.0 * model.queryCols() * pairs(tokens, model.window(layer));
    }
    return new PrefillWork(linear, attention);
  }

  /** Pairs of a row and a key that it sees. */
  private static double pairs(double tokens, int window) {
    double far = window == 0 ? 0 : Math.max(0, tokens - window);
    return tokens * (tokens + 1) / 2 - far * (far + 1) / 2;
  }

  /** Weights of a layer's products that a token meets. */
  private static double weights(ModelConfig model, int layer) {
    double hidden = model.hiddenSize();
    double attention = hidden * (2.0 * model.queryCols() + 2.0 * model.kvCols());
    int matrices = model.activation().gated() ? 3 : 2;
    if (!model.hasExperts(layer)) {
      return attention + matrices * hidden * model.intermediateSize();
    }
    ModelConfig.Experts experts = model.block().experts().orElseThrow();
    return attention
        + hidden * experts.count()
        + matrices * hidden * experts.perToken() * experts.intermediateSize();
  }
}
