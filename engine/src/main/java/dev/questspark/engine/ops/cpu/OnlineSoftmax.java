package dev.questspark.engine.ops.cpu;

import java.util.Arrays;

/**
 * Running attention states, folded page by page (online softmax, arXiv 1805.02867): per state the
 * largest logit so far, the sum of exp(logit - largest), and the weighted sum of values, which
 * stands in the output itself. The bits depend on the order of the folds alone. One per worker.
 */
final class OnlineSoftmax {
  private float[] weights = new float[0];
  private float[] max = new float[0];
  private float[] sum = new float[0];

  /** Empties {@code states} states; the caller zeroes their outputs. */
  void reset(int states, int pageSize) {
    if (weights.length < pageSize) {
      weights = new float[pageSize];
    }
    if (max.length < states) {
      max = new float[states];
      sum = new float[states];
    }
    Arrays.fill(max, 0, states, Float.NEGATIVE_INFINITY);
    Arrays.fill(sum, 0, states, 0f);
  }

  /**
   * Adds slots [first, last) of one (page, kvHead) to a state.
   *
   * @param query index of the query's first channel in {@code queries}
   * @param target index of the output's first channel in {@code outs}
   */
  void fold(
      int state,
      float[] queries,
      int query,
      float[] outs,
      int target,
      CpuKvPages pages,
      int page,
      int kvHead,
      int first,
      int last,
      float scale) {
    int headDim = pages.headDim;
    int keys = pages.keyAt(page, kvHead);
    float largest = max[state];
    for (int slot = first; slot < last; slot++) {
      float logit =
          scale * FloatLoops.dot(queries, query, pages.keys, keys + slot * headDim, headDim);
      weights[slot] = logit;
      largest = Math.max(largest, logit);
    }
    if (largest > max[state]) {
      float shrink = FloatLoops.exp(max[state] - largest);
      FloatLoops.scale(outs, target, shrink, headDim);
      sum[state] *= shrink;
      max[state] = largest;
    }
    for (int slot = first; slot < last; slot++) {
      weights[slot] = FloatLoops.exp(weights[slot] - largest);
      sum[state] += weights[slot];
    }
    addValues(outs, target, pages, pages.valueAt(page, kvHead), first, last);
  }

  private void addValues(
      float[] outs, int target, CpuKvPages pages, int values, int first, int last) {
    int headDim = pages.headDim;
    int slot = first;
    for (; slot <= last - 4; slot += 4) {
      int value = values + slot * headDim;
      FloatLoops.axpy4(outs, target, weights, slot, pages.values, value, headDim, headDim);
    }
    for (; slot < last; slot++) {
      int value = values + slot * headDim;
      FloatLoops.axpy(outs, target, weights[slot], pages.values, value, headDim);
    }
  }

  /**
   * Divides the state's output by its sum.
   *
   * @return log of the sum of exp(logit); -infinity for an empty state
   */
  float finish(int state, float[] outs, int target, int headDim) {
    if (sum[state] == 0f) {
      return Float.NEGATIVE_INFINITY;
    }
    FloatLoops.scale(outs, target, 1f / sum[state], headDim);
    return (float) (max[state] + Math.log(sum[state]));
  }
}
