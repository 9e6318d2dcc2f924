package dev.questspark.engine.ops.digest;

/**
 * Channelwise minimum m and maximum M of the keys; score = sum_i max(q_i m_i, q_i M_i), an upper
 * bound of q.k over the block (Quest, arXiv 2406.10774, section 3.3). As a dot product: [m | M] .
 * [min(q, 0) | max(q, 0)]. In 8 bits m is rounded down and M up, so that the bound holds.
 */
public record MinMax() implements PageScore {
  static final String NAME = "minmax";

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public int code() {
    return 0;
  }

  @Override
  public Rounding first() {
    return Rounding.DOWN;
  }

  @Override
  public Rounding second() {
    return Rounding.UP;
  }

  @Override
  public void digest(float[] pair, float[] keys, int headDim, int slots, int tokens) {
    for (int c = 0; c < headDim; c++) {
      float low = keys[c * slots];
      float high = low;
      for (int t = 1; t < tokens; t++) {
        float x = keys[c * slots + t];
        low = Math.min(low, x);
        high = Math.max(high, x);
      }
      pair[c] = low;
      pair[headDim + c] = high;
    }
  }

  @Override
  public void fold(float[] folded, int to, float[] query, int from, int headDim) {
    for (int i = 0; i < headDim; i++) {
      folded[to + i] = Math.min(query[from + i], 0f);
      folded[to + headDim + i] = Math.max(query[from + i], 0f);
    }
  }

  @Override
  public String toString() {
    return NAME;
  }
}
