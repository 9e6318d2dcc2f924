package dev.questspark.engine.ops.cpu.attention;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.cpu.attention.CpuBlockScores.Segment;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.simd.SimdOps;

/** Scores of {@link dev.questspark.engine.ops.prefill.BlockScoring.Midpoint}. */
final class MidpointScores {
  /** Positions whose keys are read at a time, about: 64 channels of them are 64 KiB. */
  private static final int TOKENS = 256;

  private MidpointScores() {}

  static void score(float[] scores, int at, Segment of, float previous, float scale, SimdOps simd) {
    int headDim = of.pages().headDim;
    int block = of.block();
    int before = of.blocksBefore();
    float[] middle = middle(of);
    int cols = block * Math.max(1, TOKENS / block);
    float[] keys = new float[headDim * cols];
    short[] raw = of.pages().dtype() == DType.F32 ? null : new short[headDim * cols];
    float[] largest = new float[headDim];
    float[] smallest = new float[headDim];
    double[] logits = new double[before];
    int firstVisible = of.pages().firstVisible(of.start());
    for (int first = 0; first < before * block; first += cols) {
      int last = Math.min(before * block, first + cols);
      of.keys(first, last, cols, keys, raw, simd);
      for (int from = first; from < last; from += block) {
        bounds(keys, from - first, block, cols, largest, smallest);
        double sum = 0;
        for (int g = 0; g < of.group(); g++) {
          sum +=
              Math.max(
                  simd.dot(middle, g * headDim, largest, 0, headDim),
                  simd.dot(middle, g * headDim, smallest, 0, headDim));
        }
        logits[from / block] =
            from + block <= firstVisible ? Double.NEGATIVE_INFINITY : scale * sum / of.group();
      }
    }
    double normaliser = logSum(logits, before);
    for (int b = 0; b < before; b++) {
      double share = Math.exp(logits[b] - normaliser);
      scores[at + b] =
          previous == 0
              ? (float) share
              : (float) (previous * scores[at + b] + (1 - previous) * share);
    }
  }

  /** Midway between the largest and the smallest query of each channel: (G, D). */
  private static float[] middle(Segment of) {
    int headDim = of.pages().headDim;
    float[] queries = HeapBuffer.floats(of.q());
    float[] middle = new float[of.group() * headDim];
    for (int g = 0; g < of.group(); g++) {
      for (int c = 0; c < headDim; c++) {
        float largest = Float.NEGATIVE_INFINITY;
        float smallest = Float.POSITIVE_INFINITY;
        for (int row = of.firstRow(); row < of.firstRow() + of.rows(); row++) {
          float x = queries[of.queryAt(row, g) + c];
          largest = Math.max(largest, x);
          smallest = Math.min(smallest, x);
        }
        middle[g * headDim + c] = (largest + smallest) / 2;
      }
    }
    return middle;
  }

  /** The largest and the smallest of {@code block} columns, row by row. */
  private static void bounds(
      float[] keys, int at, int block, int stride, float[] largest, float[] smallest) {
    for (int c = 0; c < largest.length; c++) {
      float high = keys[c * stride + at];
      float low = high;
      for (int i = 1; i < block; i++) {
        float x = keys[c * stride + at + i];
        high = Math.max(high, x);
        low = Math.min(low, x);
      }
      largest[c] = high;
      smallest[c] = low;
    }
  }

  /** Log of the sum of exp over the first {@code count} numbers. */
  private static double logSum(double[] logs, int count) {
    double largest = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < count; i++) {
      largest = Math.max(largest, logs[i]);
    }
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += Math.exp(logs[i] - largest);
    }
    return largest + Math.log(sum);
  }
}
