package dev.questspark.engine.ops.digest;

/**
 * Channelwise mean and three quarters of the standard deviation (population) of the keys; score =
 * sum_i (q_i mean_i + 3/4 |q_i| std_i), an estimate of the best q.k, not a bound. UNIQUE (arXiv
 * 2605.27740) adds the whole deviation; three quarters lose less of dense attention's distribution
 * on real weights (docs/evaluation.md). As a dot product: [mean | 3/4 std] . [q | |q|]; the factor
 * belongs to the digest, since a query of 16 bits would round it. In 8 bits the mean is rounded to
 * the nearest value and the deviation up.
 */
public record MeanStd() implements PageScore {
  static final String NAME = "meanstd";

  /** The share of the deviation that counts. */
  private static final float DEVIATION = 0.75f;

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public int code() {
    return 1;
  }

  @Override
  public Rounding first() {
    return Rounding.NEAREST;
  }

  @Override
  public Rounding second() {
    return Rounding.UP;
  }

  /** Two passes: the variance is the mean of squared distances, so nothing cancels. */
  @Override
  public void digest(float[] pair, float[] keys, int headDim, int slots, int tokens) {
    for (int c = 0; c < headDim; c++) {
      float mean = 0;
      for (int t = 0; t < tokens; t++) {
        mean += keys[c * slots + t];
      }
      mean /= tokens;
      float squares = 0;
      for (int t = 0; t < tokens; t++) {
        float distance = keys[c * slots + t] - mean;
        squares = Math.fma(distance, distance, squares);
      }
      pair[c] = mean;
      pair[headDim + c] = DEVIATION * (float) Math.sqrt(squares / tokens);
    }
  }

  @Override
  public void fold(float[] folded, int to, float[] query, int from, int headDim) {
    for (int i = 0; i < headDim; i++) {
      folded[to + i] = query[from + i];
      folded[to + headDim + i] = Math.abs(query[from + i]);
    }
  }

  @Override
  public String toString() {
    return NAME;
  }
}
