package dev.questspark.engine.ops.cpu.sample;

import dev.questspark.engine.ops.cpu.simd.ScalarMath;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import dev.questspark.engine.ops.sample.RowSampling;

/** Draws the token of a row as {@link RowSampling} says. One instance serves one thread. */
final class RowSampler {
  /** Added to a double below 2^51 and taken off again, it rounds to an integer. */
  private static final double TO_INTEGER = 0x1.8p52;

  /** Tokens whose weight is added up apart, so that a draw looks at few. */
  private static final int SPAN = 1 << 10;

  /** Tokens whose largest logit bounds what top_k must look at. */
  private static final int BLOCK = 1 << 6;

  private final SimdOps simd;
  private final BestTokens best = new BestTokens();
  private float[] weights = {};
  private double[] spans = {};
  private int[] candidates = {};
  private float[] amounts = {};
  private float[] blockBest = {};

  RowSampler(SimdOps simd) {
    this.simd = simd;
  }

  /**
   * The token, or -1 - the lowest id of a logit that is not a number.
   *
   * @param logits of the row, from {@code from} on, after the penalty
   */
  int sample(float[] logits, int from, int vocabulary, RowSampling row) {
    int top = CpuSampling.argmax(logits, from, vocabulary);
    if (top < 0 || row.temperature() == 0 || Float.isInfinite(logits[from + top])) {
      return top;
    }
    reserve(vocabulary);
    float largest = logits[from + top];
    if (row.cutsBest(vocabulary)) {
      int kept = takeBest(logits, from, vocabulary, row.topK());
      for (int i = 0; i < kept; i++) {
        amounts[i] =
            round(
                RowSampling.UNIT
                    * ScalarMath.exp(
                        (logits[from + candidates[i]] - largest) * row.inverseTemperature()));
      }
      return draw(logits, from, kept, sum(kept), row);
    }
    double total = weigh(logits, from, vocabulary, largest, row.inverseTemperature());
    if (row.topP() == 1 && row.minP() == 0) {
      return drawOfAll(vocabulary, row.target(total));
    }
    // Tokens below this cannot be of the nucleus: all of them together weigh less than what it
    // leaves.
    double least = Math.max(row.leastWeight(), (1 - row.topP()) * total / vocabulary / 2);
    double unrounded = least - 0.5;
    int count = 0;
    for (int id = 0; id < vocabulary; id++) {
      candidates[count] = id; // written in any case: there is no jump to guess
      amounts[count] = weights[id];
      count += weights[id] >= unrounded ? 1 : 0;
    }
    for (int i = 0; i < count; i++) {
      amounts[i] = round(amounts[i]);
    }
    return draw(logits, from, count, total, row);
  }

  /** Applies top_p and min_p to the candidates, whose share top_p is of {@code total}. */
  private int draw(float[] logits, int from, int count, double total, RowSampling row) {
    int kept =
        row.topP() == 1
            ? count
            : best.keep(candidates, amounts, count, logits, from, row.nucleus(total));
    double least = row.leastWeight();
    double mass = 0;
    for (int i = 0; i < kept; i++) {
      amounts[i] = amounts[i] < least ? 0 : amounts[i];
      mass += amounts[i];
    }
    double target = row.target(mass);
    int i = 0;
    for (double passed = amounts[0]; passed <= target; passed += amounts[i]) {
      i++;
    }
    return candidates[i];
  }

  private int drawOfAll(int vocabulary, double target) {
    double passed = 0;
    int span = 0;
    while (passed + spans[span] <= target) {
      passed += spans[span++];
    }
    int id = span * SPAN;
    for (passed += round(weights[id]); passed <= target; passed += round(weights[id])) {
      id++;
    }
    return id;
  }

  /** Sets weights and the sums of spans; the total is exact. */
  private double weigh(float[] logits, int from, int count, float largest, float inverse) {
    for (int id = 0; id < count; id++) {
      weights[id] = (logits[from + id] - largest) * inverse;
    }
    simd.exponentiate(weights, 0, count, 0f);
    double total = 0;
    for (int span = 0, start = 0; start < count; span++, start += SPAN) {
      spans[span] = weighSpan(start, Math.min(count, start + SPAN));
      total += spans[span];
    }
    return total;
  }

  private double weighSpan(int start, int end) {
    double first = 0;
    double second = 0;
    double third = 0;
    double fourth = 0;
    int id = start;
    for (; id + 4 <= end; id += 4) {
      first += round(weights[id] *= RowSampling.UNIT);
      second += round(weights[id + 1] *= RowSampling.UNIT);
      third += round(weights[id + 2] *= RowSampling.UNIT);
      fourth += round(weights[id + 3] *= RowSampling.UNIT);
    }
    for (; id < end; id++) {
      first += round(weights[id] *= RowSampling.UNIT);
    }
    return first + second + third + fourth;
  }

  /** To the nearest integer, ties to even; a float of 2^23 and more is one. */
  private static float round(float weight) {
    return (float) (weight + TO_INTEGER - TO_INTEGER);
  }

  private double sum(int count) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += amounts[i];
    }
    return sum;
  }

  /** The best k become the candidates, ascending. */
  private int takeBest(float[] logits, int from, int vocabulary, int k) {
    float bound = bound(logits, from, vocabulary, k);
    int count = 0;
    for (int id = 0; id < vocabulary; id++) {
      candidates[count] = id;
      amounts[count] = 1;
      count += logits[from + id] >= bound ? 1 : 0;
    }
    return best.keep(candidates, amounts, count, logits, from, k);
  }

  /** At least k logits reach it: the k-th best of the blocks' largest, where there are so many. */
  private float bound(float[] logits, int from, int vocabulary, int k) {
    int blocks = vocabulary / BLOCK;
    if (blocks < k) {
      return Float.NEGATIVE_INFINITY;
    }
    for (int block = 0; block < blocks; block++) {
      float largest = Float.NEGATIVE_INFINITY;
      int end = from + (block + 1) * BLOCK;
      for (int i = end - BLOCK; i < end; i++) {
        largest = Math.max(largest, logits[i]);
      }
      blockBest[block] = largest;
    }
    for (int block = 0; block < blocks; block++) {
      candidates[block] = block;
      amounts[block] = 1;
    }
    int kept = best.keep(candidates, amounts, blocks, blockBest, 0, k);
    float bound = Float.POSITIVE_INFINITY;
    for (int i = 0; i < kept; i++) {
      bound = Math.min(bound, blockBest[candidates[i]]);
    }
    return bound;
  }

  private void reserve(int vocabulary) {
    if (vocabulary > RowSampling.LARGEST_VOCABULARY) {
      throw new IllegalArgumentException(
          "logits of " + vocabulary + " tokens; at most " + RowSampling.LARGEST_VOCABULARY);
    }
    if (weights.length < vocabulary) {
      weights = new float[vocabulary];
      spans = new double[vocabulary / SPAN + 1];
      candidates = new int[vocabulary];
      amounts = new float[vocabulary];
      blockBest = new float[vocabulary / BLOCK];
    }
  }
}
