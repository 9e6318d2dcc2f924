package dev.questspark.job.partition;

import java.util.Comparator;
import java.util.PriorityQueue;
import java.util.stream.IntStream;

/** Longest-first packing (Graham 1969): the fullest bin holds at most 4/3 of the optimum. */
final class BalancedPartitions {
  private BalancedPartitions() {}

  /**
   * Bin of each piece of work.
   *
   * @param work one entry per piece
   * @param bins at least 1
   */
  static int[] pack(long[] work, int bins) {
    PriorityQueue<long[]> emptiestFirst =
        new PriorityQueue<>(
            Comparator.<long[]>comparingLong(bin -> bin[1]).thenComparingLong(bin -> bin[0]));
    for (int bin = 0; bin < bins; bin++) {
      emptiestFirst.add(new long[] {bin, 0});
    }
    int[] placed = new int[work.length];
    IntStream.range(0, work.length)
        .boxed()
        .sorted(Comparator.comparingLong(piece -> -work[piece]))
        .forEachOrdered(
            piece -> {
              long[] bin = emptiestFirst.remove();
              placed[piece] = (int) bin[0];
              bin[1] += work[piece];
              emptiestFirst.add(bin);
            });
    return placed;
  }
}
