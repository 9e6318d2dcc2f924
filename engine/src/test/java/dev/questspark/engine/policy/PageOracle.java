package dev.questspark.engine.policy;

import dev.questspark.engine.ops.PageShape;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Which units a policy must keep, by brute force over the keys in double precision. Scores that
 * differ by less than float arithmetic can tell may swap places.
 */
final class PageOracle {
  private static final double TOLERANCE = 1e-4;

  private PageOracle() {}

  /** Units that hold so many tokens. */
  static int units(int tokens, int unit) {
    return (tokens + unit - 1) / unit;
  }

  /**
   * What is wrong with a list, or an empty text.
   *
   * @param keys (context, D) of the KV head
   * @param queries (G, D) of its query heads
   * @param listed units that were kept
   */
  static String objection(
      PolicyRow row,
      PageShape shape,
      int layer,
      double[][] keys,
      double[][] queries,
      int[] listed) {
    int context = keys.length;
    boolean readsAll = row.readsAll(layer, context, shape);
    int unit = layer < row.denseLayers() ? shape.pageSize() : row.unit().tokens(shape);
    int last = units(context, unit) - 1;
    Set<Integer> kept =
        Arrays.stream(listed).boxed().collect(Collectors.toCollection(TreeSet::new));
    if (readsAll) {
      return kept.size() == last + 1 ? "" : kept + " are not all " + (last + 1) + " units";
    }
    int count = PolicyRow.TIGHT / unit;
    Set<Integer> always = new TreeSet<>(Set.of(last));
    IntStream.range(0, units(row.sinkTokens(), unit)).forEach(always::add);
    int firstRecent = row.recentTokens() == 0 ? last : (context - row.recentTokens()) / unit;
    IntStream.rangeClosed(firstRecent, last).forEach(always::add);
    if (row.scores() == null) {
      int recent = last - count + 1 + units(row.sinkTokens(), unit);
      IntStream.rangeClosed(recent, last).forEach(always::add);
    }
    if (kept.size() != count || !kept.containsAll(always)) {
      return kept + " are not " + count + " units with " + always;
    }
    if (row.scores() == null) {
      return "";
    }
    double[] scores = scoresOfUnits(row, shape, keys, queries, unit, last);
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

  /** The score of each unit before the last: that of its best block. */
  private static double[] scoresOfUnits(
      PolicyRow row, PageShape shape, double[][] keys, double[][] queries, int unit, int last) {
    int block = shape.digestBlockSize();
    double[][][] blocks = new double[last * unit / block][][];
    for (int i = 0; i < blocks.length; i++) {
      blocks[i] = Arrays.copyOfRange(keys, i * block, (i + 1) * block);
    }
    double[] ofBlocks = row.scores().scores(queries, blocks);
    double[] best = new double[last];
    Arrays.fill(best, Double.NEGATIVE_INFINITY);
    for (int i = 0; i < blocks.length; i++) {
      best[i * block / unit] = Math.max(best[i * block / unit], ofBlocks[i]);
    }
    return best;
  }

  /** Quest's bound, the largest over the query heads. */
  static double[] minMax(double[][] queries, double[][][] blocks) {
    return Arrays.stream(blocks)
        .mapToDouble(
            keys -> Arrays.stream(queries).mapToDouble(q -> bound(q, keys)).max().orElseThrow())
        .toArray();
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
  static double[] meanStd(double[][] queries, double[][][] blocks) {
    return Arrays.stream(blocks)
        .mapToDouble(keys -> Arrays.stream(queries).mapToDouble(q -> meanStd(q, keys)).sum())
        .toArray();
  }

  /** Each head's softmax over the blocks of mean and standard deviation, summed over the heads. */
  static double[] softmax(double[][] queries, double[][][] blocks) {
    double[] scores = new double[blocks.length];
    for (double[] q : queries) {
      double[] weights =
          Arrays.stream(blocks)
              .mapToDouble(keys -> Math.exp(meanStd(q, keys) / Math.sqrt(q.length)))
              .toArray();
      double sum = Arrays.stream(weights).sum();
      for (int i = 0; i < scores.length; i++) {
        scores[i] += weights[i] / sum;
      }
    }
    return scores;
  }

  private static double meanStd(double[] q, double[][] keys) {
    double sum = 0;
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
    return sum;
  }
}
