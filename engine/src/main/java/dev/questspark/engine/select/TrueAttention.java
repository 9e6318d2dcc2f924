package dev.questspark.engine.select;

import java.util.Arrays;
import java.util.PriorityQueue;

/** The dense attention of one row and query head, in double precision. */
public final class TrueAttention {
  private final double[] weights;
  private final int first;

  /**
   * @param queries (Hq * D) of the row
   * @param keys (at least position + 1, D) of the head's KV head
   */
  public TrueAttention(AttentionRows view, int row, int head, float[] queries, float[] keys) {
    int headDim = view.geometry().headDim();
    this.first = view.firstVisible(row);
    this.weights = new double[view.position(row) + 1 - first];
    for (int i = 0; i < weights.length; i++) {
      double dot = 0;
      for (int c = 0; c < headDim; c++) {
        dot += (double) queries[head * headDim + c] * keys[(first + i) * headDim + c];
      }
      weights[i] = view.logits().of(dot);
    }
    softmax(weights);
  }

  /**
   * Adds the weights to sums over parts of the sequence.
   *
   * @param mass one per part, from the sequence's first token on
   * @param unit tokens per part
   */
  public void addTo(double[] mass, int unit) {
    for (int i = 0; i < weights.length; i++) {
      mass[(first + i) / unit] += weights[i];
    }
  }

  private static void softmax(double[] weights) {
    double largest = Arrays.stream(weights).max().orElseThrow();
    double sum = 0;
    for (int i = 0; i < weights.length; i++) {
      weights[i] = Math.exp(weights[i] - largest);
      sum += weights[i];
    }
    for (int i = 0; i < weights.length; i++) {
      weights[i] /= sum;
    }
  }

  /**
   * Weight that stands on some units of so many tokens each, 0 to 1.
   *
   * @param entries of a page list
   */
  public double mass(int[] entries, int unit) {
    double mass = 0;
    for (int entry : entries) {
      int from = Math.max(0, entry * unit - first);
      int to = Math.min(weights.length, (entry + 1) * unit - first);
      for (int i = from; i < to; i++) {
        mass += weights[i];
      }
    }
    return mass;
  }

  /** Weight that stands on a position and all after it, 0 to 1. */
  public double massFrom(int position) {
    double mass = 0;
    for (int i = Math.max(0, position - first); i < weights.length; i++) {
      mass += weights[i];
    }
    return mass;
  }

  /** Positions of the heaviest tokens, at most so many. */
  public int[] heaviest(int count) {
    PriorityQueue<Integer> heaviest =
        new PriorityQueue<>((a, b) -> Double.compare(weights[a], weights[b]));
    for (int i = 0; i < weights.length; i++) {
      if (heaviest.size() < count) {
        heaviest.add(i);
      } else if (weights[i] > weights[heaviest.peek()]) {
        heaviest.poll();
        heaviest.add(i);
      }
    }
    return heaviest.stream().mapToInt(i -> first + i).toArray();
  }

  /**
   * Share of some tokens that stand on some units of so many tokens each.
   *
   * @param entries of a page list
   */
  public double recall(int[] tokens, int[] entries, int unit) {
    long found =
        Arrays.stream(tokens)
            .filter(token -> Arrays.binarySearch(entries, token / unit) >= 0)
            .count();
    return (double) found / tokens.length;
  }
}
