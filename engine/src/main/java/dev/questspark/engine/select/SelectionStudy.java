package dev.questspark.engine.select;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What page selection policies would have kept of one question's dense attention, layer by layer
 * and query head by query head. The question is answered densely; at the watched rows, question and
 * answer alike, every policy says which pages it would have read, and these are held against the
 * true attention weights, computed in double precision.
 *
 * <p>Filled by the engine thread; complete when the question's future is.
 */
public final class SelectionStudy {
  /** How many of the heaviest tokens the recall counts, as in Quest's own figure. */
  public static final int TOP_TOKENS = 10;

  private final List<SelectorSpec> policies;
  private final int fromPosition;
  private final int maxRows;
  private Sums[] layers = new Sums[0];

  /**
   * @param policies what is compared; their skipped layers and least context are not heeded, so
   *     that every layer is seen
   * @param fromPosition first position of the sequence that is watched
   * @param maxRows most rows that are watched
   */
  public SelectionStudy(List<SelectorSpec> policies, int fromPosition, int maxRows) {
    this.fromPosition = fromPosition;
    this.maxRows = maxRows;
    this.policies =
        policies.stream()
            .map(
                policy ->
                    new SelectorSpec(
                        policy.selector(),
                        policy.kvBudget(),
                        policy.pageScore(),
                        policy.groupReduction(),
                        policy.sinkTokens(),
                        policy.recentTokens(),
                        0,
                        0))
            .distinct()
            .toList();
  }

  /** Sums of one layer over the rows seen. */
  private static final class Sums {
    final double[][] mass;
    final double[][] recall;
    int rows;
    int lastPosition = -1;

    Sums(int policies, int heads) {
      mass = new double[policies][heads];
      recall = new double[policies][heads];
    }
  }

  /**
   * Means over the rows of one question.
   *
   * @param layer index from 0
   * @param head query head, from 0
   * @param rows rows seen
   * @param attentionMass share of the softmax weight that stands on kept pages, 0 to 1
   * @param topTokenRecall share of the {@link #TOP_TOKENS} heaviest tokens that stand on kept pages
   */
  public record Finding(
      SelectorSpec policy,
      int layer,
      int head,
      int rows,
      double attentionMass,
      double topTokenRecall) {}

  /** What is compared, in order. */
  public List<SelectorSpec> policies() {
    return policies;
  }

  /**
   * Whether a row is to be seen. A preempted question runs again from its start and is counted
   * once.
   */
  boolean wants(int layer, int position) {
    if (position < fromPosition) {
      return false;
    }
    Sums sums = layer < layers.length ? layers[layer] : null;
    return sums == null || position > sums.lastPosition && sums.rows < maxRows;
  }

  /**
   * Notes one row.
   *
   * @param mass (policies, query heads)
   * @param recall (policies, query heads)
   */
  void add(int layer, int position, double[][] mass, double[][] recall) {
    if (layer >= layers.length) {
      layers = Arrays.copyOf(layers, layer + 1);
    }
    if (layers[layer] == null) {
      layers[layer] = new Sums(policies.size(), mass[0].length);
    }
    Sums sums = layers[layer];
    sums.rows++;
    sums.lastPosition = position;
    for (int p = 0; p < policies.size(); p++) {
      for (int head = 0; head < mass[p].length; head++) {
        sums.mass[p][head] += mass[p][head];
        sums.recall[p][head] += recall[p][head];
      }
    }
  }

  /** One finding per policy, layer and query head; call when the question is answered. */
  public List<Finding> findings() {
    List<Finding> findings = new ArrayList<>();
    for (int p = 0; p < policies.size(); p++) {
      for (int layer = 0; layer < layers.length; layer++) {
        Sums sums = layers[layer];
        for (int head = 0; head < sums.mass[p].length; head++) {
          findings.add(
              new Finding(
                  policies.get(p),
                  layer,
                  head,
                  sums.rows,
                  sums.mass[p][head] / sums.rows,
                  sums.recall[p][head] / sums.rows));
        }
      }
    }
    return findings;
  }
}
