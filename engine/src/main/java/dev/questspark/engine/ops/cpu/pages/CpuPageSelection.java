package dev.questspark.engine.ops.cpu.pages;

import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.Workers;
import java.util.Arrays;

/** The ops that make page lists: topPages and keepPages. */
public final class CpuPageSelection {
  private final Workers workers;
  private final int[][] keys;
  private final int[][] histograms;

  public CpuPageSelection(Workers workers) {
    this.workers = workers;
    this.keys = new int[workers.threads()][0];
    this.histograms = new int[workers.threads()][256];
  }

  public void keepPages(
      PageList target, KvLayer kv, LoadedBatch loaded, RowRange rows, PageBudget budget) {
    CpuBatch batch = CpuBatch.of(loaded, rows);
    int kvHeads = kv.geometry().kvHeads();
    CpuPageList list = listOf(target, kv, rows, budget);
    workers.run(
        rows.count(),
        (long) kvHeads * Math.min(budget.units(), list.shape().maxEntries()),
        (i, worker) -> {
          Kept kept = Kept.of(rows.from() + i, kv, batch, budget);
          for (int head = 0; head < kvHeads; head++) {
            list.count(i * kvHeads + head, kept.units);
            int at = fill(list.entries(), list.start(i * kvHeads + head), kept.first, kept.sink);
            int recent = kept.units - kept.sink;
            fill(list.entries(), at, kept.current - recent + 1, recent);
          }
        });
  }

  private static CpuPageList listOf(PageList target, KvLayer kv, RowRange rows, PageBudget budget) {
    budget.requireDivides(kv.geometry().pageSize());
    CpuPageList list = CpuPageList.of(target, rows.count(), kv.geometry().kvHeads());
    list.unit(budget.unit());
    return list;
  }

  public void topPages(
      PageList target,
      Tensor scores,
      int scoredTokens,
      KvLayer kv,
      LoadedBatch loaded,
      RowRange rows,
      PageBudget budget) {
    CpuBatch batch = CpuBatch.of(loaded, rows);
    int kvHeads = kv.geometry().kvHeads();
    CpuPageList list = listOf(target, kv, rows, budget);
    OpArguments.require("scores", scores, rows.count() * kvHeads, scores.cols());
    if (budget.unit() % scoredTokens != 0) {
      throw new IllegalArgumentException(
          "units of " + budget.unit() + " tokens with a score for every " + scoredTokens);
    }
    growKeys(scores.cols());
    workers.run(
        rows.count() * kvHeads,
        8L * scores.cols(),
        (task, worker) -> {
          int row = rows.from() + task / kvHeads;
          Kept kept = Kept.of(row, kv, batch, budget);
          list.count(task, kept.units);
          int at = fill(list.entries(), list.start(task), kept.first, kept.sink);
          int from = kept.first + kept.sink;
          int to = kept.current - kept.recent;
          int best = kept.units - kept.sink - kept.recent - 1;
          if (best == to - from) {
            at = fill(list.entries(), at, from, best);
          } else if (best > 0) {
            int firstScored = batch.firstVisible(row, kv) / scoredTokens;
            int parts = budget.unit() / scoredTokens;
            gatherKeys(keys[worker], scores, task, from, to, parts, firstScored);
            at = best(list.entries(), at, from, to, best, worker);
          }
          fill(list.entries(), at, to, kept.recent + 1);
        });
  }

  private void growKeys(int count) {
    if (keys[0].length < count) {
      for (int i = 0; i < keys.length; i++) {
        keys[i] = new int[count];
      }
    }
  }

  /** Writes {@code count} consecutive units from {@code first} on; returns where they end. */
  private static int fill(int[] entries, int at, int first, int count) {
    for (int i = 0; i < count; i++) {
      entries[at + i] = first + i;
    }
    return at + count;
  }

  /**
   * Fills keys[0..to - from) with what orders units [from, to): the best of each one's scores.
   *
   * @param parts scores of a unit
   * @param firstScored first score that counts: those before it belong to what the row cannot see
   */
  private static void gatherKeys(
      int[] keys, Tensor scores, int scoreRow, int from, int to, int parts, int firstScored) {
    if (to * parts > scores.cols()) {
      throw new IllegalArgumentException(
          "list "
              + scoreRow
              + " chooses by "
              + to * parts
              + " scores, but there are "
              + scores.cols());
    }
    float[] values = HeapBuffer.floats(scores);
    int offset = HeapBuffer.at(scores, scoreRow);
    for (int unit = from; unit < to; unit++) {
      int first = Math.max(unit * parts, firstScored);
      int key = orderedBits(values[offset + first]);
      for (int part = first + 1; part < (unit + 1) * parts; part++) {
        int other = orderedBits(values[offset + part]);
        key = Integer.compareUnsigned(other, key) > 0 ? other : key;
      }
      keys[unit - from] = key;
    }
  }

  /**
   * Writes the {@code best} best of units [from, to) by their keys, ascending. Finds the key of the
   * last one that is taken, then takes all above it and the lowest units of those equal to it.
   */
  private int best(int[] entries, int at, int from, int to, int best, int worker) {
    int[] keys = this.keys[worker];
    int[] histogram = histograms[worker];
    int ties = best; // how many of those equal to the threshold are taken
    int threshold = 0;
    int fixed = 0; // mask of the leading bits of the threshold that are known
    for (int shift = 24; shift >= 0; shift -= 8) {
      Arrays.fill(histogram, 0);
      for (int i = 0; i < to - from; i++) {
        if ((keys[i] & fixed) == threshold) {
          histogram[keys[i] >>> shift & 0xff]++;
        }
      }
      int digit = 255;
      while (histogram[digit] < ties) {
        ties -= histogram[digit--];
      }
      threshold |= digit << shift;
      fixed |= 0xff << shift;
    }
    for (int unit = from; unit < to; unit++) {
      int order = Integer.compareUnsigned(keys[unit - from], threshold);
      if (order > 0 || order == 0 && ties-- > 0) {
        entries[at++] = unit;
      }
    }
    return at;
  }

  /** Bits that order like the floats when compared unsigned; NaN below all, zeros equal. */
  private static int orderedBits(float score) {
    if (Float.isNaN(score)) {
      return 0;
    }
    int bits = Float.floatToRawIntBits(score + 0f); // -0 + 0 = +0
    return bits < 0 ? ~bits : bits | 0x80000000;
  }

  /**
   * What a row keeps regardless of the scores: its visible units are [first, current]; of them
   * {@code units} are kept, among these the first {@code sink} and the last {@code recent} before
   * current.
   */
  private record Kept(int first, int current, int units, int sink, int recent) {

    static Kept of(int row, KvLayer kv, CpuBatch batch, PageBudget budget) {
      int unit = budget.unit();
      int context = batch.position(row) + 1;
      int first = batch.firstVisible(row, kv) / unit;
      int current = batch.position(row) / unit;
      int visible = current - first + 1;
      if (budget.readsAll(visible, context)) {
        return new Kept(first, current, visible, 0, visible - 1);
      }
      int left = budget.units() - 1;
      int sinkEnd = (int) Math.min(((long) budget.sinkTokens() + unit - 1) / unit, current);
      int sink = Math.min(Math.max(0, sinkEnd - first), left);
      int oldestRecent = Math.max(0, context - budget.recentTokens()) / unit;
      int recentStart = Math.min(current, Math.max(oldestRecent, first + sink));
      int recent = Math.min(current - recentStart, left - sink);
      return new Kept(first, current, budget.units(), sink, recent);
    }
  }
}
