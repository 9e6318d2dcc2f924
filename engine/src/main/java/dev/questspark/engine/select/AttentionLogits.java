package dev.questspark.engine.select;

/**
 * What the softmax of attention is over.
 *
 * @param scale factor of q.k
 * @param cap the scaled products are cap * tanh(product / cap); 0 for none
 */
public record AttentionLogits(float scale, float cap) {

  /** The logit of a dot product q.k. */
  public double of(double dot) {
    double product = scale * dot;
    return cap == 0 ? product : cap * Math.tanh(product / cap);
  }
}
