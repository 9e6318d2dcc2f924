package dev.questspark.engine.study;

import dev.questspark.engine.select.AttentionView;
import java.util.Arrays;
import java.util.PriorityQueue;

/** The dense attention of one row and query head, in double precision. */
final class TrueAttention {
  private final double[] weights;
  private final int first;
  private final int pageSize;
  private final double[] pageMass;

  /**
   * @param queries (Hq * D) of the row
   * @param keys (position + 1, D) of the head's KV head
   */
  TrueAttention(AttentionView view, int row, int head, float[] queries, float[] keys) {
    int headDim = view.geometry().headDim();
    this.first = view.firstVisible(row);
    this.pageSize = view.geometry().pageSize();
    this.weights = new double[view.position(row) + 1 - first];
    for (int i = 0; i < weights.length; i++) {
      double dot = 0;
      for (int c = 0; c < headDim; c++) {
        dot += (double) queries[head * headDim + c] * keys[(first + i) * headDim + c];
      }
      weights[i] = view.scale() * dot;
    }
    softmax(weights);
    this.pageMass = new double[view.geometry().pagesFor(view.position(row) + 1)];
    for (int i = 0; i < weights.length; i++) {
      pageMass[(first + i) / pageSize] += weights[i];
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

  /** Weight that stands on some pages, 0 to 1. */
  double mass(int[] pages) {
    return Arrays.stream(pages).mapToDouble(page -> pageMass[page]).sum();
  }

  /** Positions of the heaviest tokens, at most so many. */
  int[] heaviest(int count) {
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
   * Share of some tokens that stand on some pages.
   *
   * @param pages ascending
   */
  double recall(int[] tokens, int[] pages) {
    long found =
        Arrays.stream(tokens)
            .filter(token -> Arrays.binarySearch(pages, token / pageSize) >= 0)
            .count();
    return (double) found / tokens.length;
  }
}
