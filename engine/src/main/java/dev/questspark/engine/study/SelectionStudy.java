package dev.questspark.engine.study;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.select.AttentionView;
import dev.questspark.engine.select.AttentionWatch;
import dev.questspark.engine.select.PageSelector;
import dev.questspark.engine.select.TrueAttention;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * What page selection policies would have kept of one question's dense attention, layer by layer
 * and query head by query head. At the watched rows, question and answer alike, every policy says
 * which pages it would have read, and these are held against the true attention weights, computed
 * in double precision from all keys of the sequence: slow. The question itself should be asked
 * densely, so that its queries are those of dense attention.
 *
 * <p>Filled by the engine thread; complete when the question's future is.
 */
public final class SelectionStudy implements AttentionWatch {
  /** How many of the heaviest tokens the recall counts, as in Quest's own figure. */
  public static final int TOP_TOKENS = 10;

  private final List<ReadPolicy> policies;
  private final List<PageSelector> selectors;
  private final int fromPosition;
  private final int maxRows;
  private Sums[] layers = new Sums[0];

  /**
   * Begins a study.
   *
   * @param policies what is compared; the engine must have their digests. What a wrapper leaves
   *     dense is not heeded, so that every layer is seen
   * @param shape of the engine's pages
   * @param fromPosition first position of the sequence that is watched
   * @param maxRows most rows that are watched
   * @throws ConfigException if a policy's budget has no room
   */
  public SelectionStudy(List<ReadPolicy> policies, PageShape shape, int fromPosition, int maxRows) {
    this.policies = policies.stream().map(ReadPolicy::unwrapped).distinct().toList();
    this.selectors = this.policies.stream().map(policy -> policy.selector(shape)).toList();
    this.fromPosition = fromPosition;
    this.maxRows = maxRows;
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
      ReadPolicy policy,
      int layer,
      int head,
      int rows,
      double attentionMass,
      double topTokenRecall) {}

  /** What is compared, in order. */
  public List<ReadPolicy> policies() {
    return policies;
  }

  @Override
  public void see(AttentionView view) {
    boolean wanted =
        IntStream.range(0, view.rows()).anyMatch(row -> wants(view.layer(), view.position(row)));
    if (!wanted) {
      return;
    }
    List<AttentionView.Listed> kept = selectors.stream().map(view::listed).toList();
    for (int row = 0; row < view.rows(); row++) {
      if (wants(view.layer(), view.position(row))) {
        weigh(view, row, kept);
      }
    }
  }

  /**
   * @param kept by policy
   */
  private void weigh(AttentionView view, int row, List<AttentionView.Listed> kept) {
    int group = view.heads() / view.geometry().kvHeads();
    float[] queries = view.queries(row);
    double[][] mass = new double[policies.size()][view.heads()];
    double[][] recall = new double[policies.size()][view.heads()];
    for (int kvHead = 0; kvHead < view.geometry().kvHeads(); kvHead++) {
      float[] keys = view.keys(row, kvHead);
      for (int head = kvHead * group; head < (kvHead + 1) * group; head++) {
        TrueAttention attention = new TrueAttention(view, row, head, queries, keys);
        int[] top = attention.heaviest(TOP_TOKENS);
        for (int p = 0; p < policies.size(); p++) {
          int unit = kept.get(p).unit();
          int[] entries = kept.get(p).entries()[row][kvHead];
          mass[p][head] = attention.mass(entries, unit);
          recall[p][head] = attention.recall(top, entries, unit);
        }
      }
    }
    add(view.layer(), view.position(row), mass, recall);
  }

  /**
   * Whether a row is to be seen. A preempted question runs again from its start and is counted
   * once.
   */
  private boolean wants(int layer, int position) {
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
  private void add(int layer, int position, double[][] mass, double[][] recall) {
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
