package dev.questspark.engine.policy;

import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.select.AttentionView;
import java.util.Arrays;
import java.util.Set;
import java.util.SplittableRandom;
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
   * @param head keys and queries of the row
   * @param listed units that were kept
   */
  static String objection(
      PolicyRow row,
      PageShape shape,
      PolicyRow.Head head,
      AttentionView.Listed listed,
      int[] list) {
    int layer = head.layer();
    int context = head.keys().length;
    boolean readsAll = row.readsAll(layer, context, shape);
    int unit = layer < row.denseLayers() ? shape.pageSize() : row.unitTokens(shape);
    int last = units(context, unit) - 1;
    Set<Integer> kept =
        Arrays.stream(list)
            .map(entry -> entry * listed.unit() / unit)
            .boxed()
            .collect(Collectors.toCollection(TreeSet::new));
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
    double[] scores = scoresOfUnits(row, shape, head, unit, last);
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

  /** The score of each unit before the last: that of its best block, or its own. */
  private static double[] scoresOfUnits(
      PolicyRow row, PageShape shape, PolicyRow.Head head, int unit, int last) {
    int block = row.tight().digests().isEmpty() ? unit : shape.digestBlockSize();
    double[][][] blocks = new double[last * unit / block][][];
    for (int i = 0; i < blocks.length; i++) {
      blocks[i] = Arrays.copyOfRange(head.keys(), i * block, (i + 1) * block);
    }
    double[] ofBlocks = row.scores().scores(head, blocks);
    double[] best = new double[last];
    Arrays.fill(best, Double.NEGATIVE_INFINITY);
    for (int i = 0; i < blocks.length; i++) {
      best[i * block / unit] = Math.max(best[i * block / unit], ofBlocks[i]);
    }
    return best;
  }

  /** Quest's bound, the largest over the query heads. */
  static double[] minMax(PolicyRow.Head head, double[][][] blocks) {
    double[][] queries = head.queries();
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
  static double[] meanStd(PolicyRow.Head head, double[][][] blocks) {
    double[][] queries = head.queries();
    return Arrays.stream(blocks)
        .mapToDouble(keys -> Arrays.stream(queries).mapToDouble(q -> meanStd(q, keys)).sum())
        .toArray();
  }

  /** The same, the largest over the query heads. */
  static double[] meanStdMax(PolicyRow.Head head, double[][][] blocks) {
    return Arrays.stream(blocks)
        .mapToDouble(
            keys ->
                Arrays.stream(head.queries())
                    .mapToDouble(q -> meanStd(q, keys))
                    .max()
                    .orElseThrow())
        .toArray();
  }

  /**
   * The draw of a control, by the generator of the JDK whose finaliser it uses: uniform in [0, 1),
   * in steps of 2^-24.
   */
  static double[] random(PolicyRow.Head head, int units, long seed) {
    long state = draw(draw(draw(seed) + head.layer()) + head.keys().length - 1);
    return IntStream.range(0, units)
        .mapToDouble(unit -> (draw(draw(state + head.kvHead()) + unit) >>> 40) / (double) (1 << 24))
        .toArray();
  }

  private static long draw(long seed) {
    return new SplittableRandom(seed).nextLong();
  }

  /** Logarithm of the attention weight on each unit, summed over the query heads. */
  static double[] trueMass(PolicyRow.Head head, double[][][] units) {
    double[] mass = new double[units.length];
    for (double[] q : head.queries()) {
      double sum = weight(head, q, head.keys());
      for (int i = 0; i < mass.length; i++) {
        mass[i] += weight(head, q, units[i]) / sum;
      }
    }
    return Arrays.stream(mass).map(Math::log).toArray();
  }

  private static double weight(PolicyRow.Head head, double[] q, double[][] keys) {
    return Arrays.stream(keys)
        .mapToDouble(key -> IntStream.range(0, q.length).mapToDouble(c -> q[c] * key[c]).sum())
        .map(dot -> Math.exp(head.scale() * dot))
        .sum();
  }

  /** Each head's softmax over the blocks of mean and standard deviation, summed over the heads. */
  static double[] softmax(PolicyRow.Head head, double[][][] blocks) {
    double[] scores = new double[blocks.length];
    for (double[] q : head.queries()) {
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
      sum += q[c] * mean + 0.75 * Math.abs(q[c]) * Math.sqrt(variance);
    }
    return sum;
  }
}
