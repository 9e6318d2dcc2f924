package dev.questspark.engine.study;

import dev.questspark.engine.ops.prefill.Segments;
import dev.questspark.engine.select.TrueAttention;
import dev.questspark.engine.select.prefill.PrefillView;
import dev.questspark.engine.select.prefill.PrefillWatch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * What the block lists of one document's prefill keep of its attention, layer by layer and KV head
 * by KV head: the softmax weight on the listed blocks and on the row's own segment, and the weight
 * that as many blocks could have kept. Weights are computed in double precision from all keys, for
 * some rows of each segment: slow. Queries and keys are those of this prefill, whose deeper layers
 * have read lists above.
 *
 * <p>The best blocks of a segment and KV head are those with most weight, summed over the rows that
 * are looked at and the group's query heads. Segments with nothing before them are left out: they
 * have no choice. What {@code skip_softmax} leaves out of a list is not seen.
 *
 * <p>Filled by the engine thread; complete when a question of the document is answered.
 */
public final class PrefillStudy implements PrefillWatch {
  private final int rowsPerSegment;
  private Sums[] layers = new Sums[0];

  /**
   * @param rowsPerSegment rows of each segment that are looked at, evenly spaced; fewer where it
   *     has fewer
   */
  public PrefillStudy(int rowsPerSegment) {
    this.rowsPerSegment = rowsPerSegment;
  }

  /** Sums of one layer over the rows seen, by KV head. */
  private static final class Sums {
    final double[] mass;
    final double[] best;
    final long[] listed;
    long before;
    int rows;
    int end;

    Sums(int kvHeads) {
      mass = new double[kvHeads];
      best = new double[kvHeads];
      listed = new long[kvHeads];
    }
  }

  /**
   * Means over the rows that were looked at and the group's query heads.
   *
   * @param layer index from 0
   * @param kvHead from 0
   * @param rows looked at
   * @param listedShare blocks listed, over blocks before the segments, 0 to 1
   * @param attentionMass share of the softmax weight on listed blocks and the row's segment, 0 to 1
   * @param bestMass the most that lists of the same lengths could have
   */
  public record Finding(
      int layer, int kvHead, int rows, double listedShare, double attentionMass, double bestMass) {}

  @Override
  public void see(PrefillView view) {
    Sums sums = sums(view.layer(), view.geometry().kvHeads());
    Segments segments = view.segments();
    for (int segment = 0; segment < segments.count(); segment++) {
      int start = segments.starts()[segment];
      if (start >= sums.end) { // a replayed one has been counted
        sums.end = start + segments.rowsOf(segment);
        if (segments.blocksBefore(segment) > 0) {
          weigh(view, segment, sums);
        }
      }
    }
  }

  private void weigh(PrefillView view, int segment, Sums sums) {
    Segments segments = view.segments();
    int block = segments.shape().block();
    int start = segments.starts()[segment];
    int before = segments.blocksBefore(segment);
    int[] rows = rows(view.firstRow(segment), segments.rowsOf(segment));
    List<float[]> queries = Arrays.stream(rows).mapToObj(view::queries).toList();
    int group = view.heads() / view.geometry().kvHeads();
    int weighed = rows.length * group;
    for (int kvHead = 0; kvHead < view.geometry().kvHeads(); kvHead++) {
      int[] listed = view.listed(segment, kvHead);
      float[] keys = view.keys(rows[rows.length - 1], kvHead);
      double[] byBlock = new double[segments.blocksBefore(segment) + blocksOf(segments, segment)];
      double own = 0;
      double kept = 0;
      for (int i = 0; i < rows.length; i++) {
        for (int head = kvHead * group; head < (kvHead + 1) * group; head++) {
          TrueAttention attention = new TrueAttention(view, rows[i], head, queries.get(i), keys);
          attention.addTo(byBlock, block);
          own += attention.massFrom(start);
          kept += attention.mass(listed, block);
        }
      }
      sums.mass[kvHead] += (kept + own) / weighed * rows.length;
      sums.best[kvHead] +=
          (most(Arrays.copyOf(byBlock, before), listed.length) + own) / weighed * rows.length;
      sums.listed[kvHead] += listed.length;
    }
    sums.before += before;
    sums.rows += rows.length;
  }

  private int[] rows(int first, int count) {
    int seen = Math.min(rowsPerSegment, count);
    return IntStream.range(0, seen)
        .map(i -> first + (int) ((2L * i + 1) * count / (2L * seen)))
        .toArray();
  }

  private static int blocksOf(Segments segments, int segment) {
    int block = segments.shape().block();
    return (segments.rowsOf(segment) + block - 1) / block;
  }

  private static double most(double[] mass, int count) {
    Arrays.sort(mass);
    double sum = 0;
    for (int i = mass.length - count; i < mass.length; i++) {
      sum += mass[i];
    }
    return sum;
  }

  private Sums sums(int layer, int kvHeads) {
    if (layer >= layers.length) {
      layers = Arrays.copyOf(layers, layer + 1);
    }
    if (layers[layer] == null) {
      layers[layer] = new Sums(kvHeads);
    }
    return layers[layer];
  }

  /**
   * One finding per layer and KV head, none where no segment had blocks before it; call when a
   * question is answered.
   */
  public List<Finding> findings() {
    List<Finding> findings = new ArrayList<>();
    for (int layer = 0; layer < layers.length; layer++) {
      Sums sums = layers[layer];
      for (int kvHead = 0; sums.rows > 0 && kvHead < sums.mass.length; kvHead++) {
        findings.add(
            new Finding(
                layer,
                kvHead,
                sums.rows,
                (double) sums.listed[kvHead] / sums.before,
                sums.mass[kvHead] / sums.rows,
                sums.best[kvHead] / sums.rows));
      }
    }
    return findings;
  }
}
