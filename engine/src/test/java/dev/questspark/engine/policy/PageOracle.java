package dev.questspark.engine.policy;

import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Which pages of 16 tokens a policy must keep, by brute force over the keys in double precision.
 * Scores that differ by less than float arithmetic can tell may swap places.
 */
final class PageOracle {
  private static final int PAGE_SIZE = 16;
  private static final double TOLERANCE = 1e-4;

  private PageOracle() {}

  static int pages(int tokens) {
    return (tokens + PAGE_SIZE - 1) / PAGE_SIZE;
  }

  /**
   * What is wrong with a list, or an empty text.
   *
   * @param keys (context, D) of the KV head
   * @param queries (G, D) of its query heads
   * @param listed pages that were kept
   */
  static String objection(
      PolicyRow row, int layer, double[][] keys, double[][] queries, int[] listed) {
    int context = keys.length;
    int last = pages(context) - 1;
    Set<Integer> kept =
        Arrays.stream(listed).boxed().collect(Collectors.toCollection(TreeSet::new));
    if (row.readsAll(layer, context)) {
      return kept.size() == last + 1 ? "" : kept + " are not all " + (last + 1) + " pages";
    }
    int count = PolicyRow.TIGHT / PAGE_SIZE;
    Set<Integer> always = new TreeSet<>(Set.of(last));
    IntStream.range(0, pages(row.sinkTokens())).forEach(always::add);
    int firstRecent = row.recentTokens() == 0 ? last : (context - row.recentTokens()) / PAGE_SIZE;
    IntStream.rangeClosed(firstRecent, last).forEach(always::add);
    if (row.score() == null) {
      IntStream.rangeClosed(last - count + 1 + pages(row.sinkTokens()), last).forEach(always::add);
    }
    if (kept.size() != count || !kept.containsAll(always)) {
      return kept + " are not " + count + " pages with " + always;
    }
    if (row.score() == null) {
      return "";
    }
    double[] scores = new double[last];
    for (int page = 0; page < last; page++) {
      scores[page] =
          row.score()
              .score(queries, Arrays.copyOfRange(keys, page * PAGE_SIZE, (page + 1) * PAGE_SIZE));
    }
    double worst =
        kept.stream()
            .filter(page -> !always.contains(page))
            .mapToDouble(page -> scores[page])
            .min()
            .orElse(Double.POSITIVE_INFINITY);
    double missed =
        IntStream.range(0, last)
            .filter(page -> !kept.contains(page))
            .mapToDouble(page -> scores[page])
            .max()
            .orElse(Double.NEGATIVE_INFINITY);
    double size = Arrays.stream(scores).map(Math::abs).max().orElse(1);
    return missed <= worst + TOLERANCE * size
        ? ""
        : kept + " score " + worst + ", but a page left out " + missed;
  }

  /** Quest's bound, the largest over the query heads. */
  static double minMax(double[][] queries, double[][] keys) {
    return Arrays.stream(queries).mapToDouble(q -> bound(q, keys)).max().orElseThrow();
  }

  private static double bound(double[] q, double[][] keys) {
    double sum = 0;
    for (int c = 0; c < q.length; c++) {
      double best = Double.NEGATIVE_INFINITY;
      for (double[] key : keys) {
        best = Math.max(best, q[c] * key[c]);
      }
      sum += best;
    }
    return sum;
  }

  /** Mean and standard deviation, summed over the query heads. */
  static double meanStd(double[][] queries, double[][] keys) {
    double sum = 0;
    for (double[] q : queries) {
      for (int c = 0; c < q.length; c++) {
        int channel = c;
        double mean = Arrays.stream(keys).mapToDouble(key -> key[channel]).average().orElseThrow();
        double variance =
            Arrays.stream(keys)
                .mapToDouble(key -> (key[channel] - mean) * (key[channel] - mean))
                .average()
                .orElseThrow();
        sum += q[c] * mean + Math.abs(q[c]) * Math.sqrt(variance);
      }
    }
    return sum;
  }
}
