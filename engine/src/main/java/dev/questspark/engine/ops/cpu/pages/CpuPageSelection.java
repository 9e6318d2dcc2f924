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
    CpuPageList list = CpuPageList.of(target, rows.count(), kvHeads);
    workers.run(
        rows.count(),
        (long) kvHeads * Math.min(budget.pages(), list.shape().maxPages()),
        (i, worker) -> {
          Kept kept = Kept.of(rows.from() + i, kv, batch, budget);
          for (int head = 0; head < kvHeads; head++) {
            list.count(i * kvHeads + head, kept.pages);
            int at = fill(list.pages(), list.start(i * kvHeads + head), kept.first, kept.sink);
            int recent = kept.pages - kept.sink;
            fill(list.pages(), at, kept.current - recent + 1, recent);
          }
        });
  }

  public void topPages(
      PageList target,
      Tensor scores,
      KvLayer kv,
      LoadedBatch loaded,
      RowRange rows,
      PageBudget budget) {
    CpuBatch batch = CpuBatch.of(loaded, rows);
    int kvHeads = kv.geometry().kvHeads();
    CpuPageList list = CpuPageList.of(target, rows.count(), kvHeads);
    OpArguments.require("scores", scores, rows.count() * kvHeads, scores.cols());
    growKeys(scores.cols());
    workers.run(
        rows.count() * kvHeads,
        8L * scores.cols(),
        (task, worker) -> {
          Kept kept = Kept.of(rows.from() + task / kvHeads, kv, batch, budget);
          list.count(task, kept.pages);
          int at = fill(list.pages(), list.start(task), kept.first, kept.sink);
          int from = kept.first + kept.sink;
          int to = kept.current - kept.recent;
          int best = kept.pages - kept.sink - kept.recent - 1;
          if (best == to - from) {
            at = fill(list.pages(), at, from, best);
          } else if (best > 0) {
            at = best(list.pages(), at, scores, task, from, to, best, worker);
          }
          fill(list.pages(), at, to, kept.recent + 1);
        });
  }

  private void growKeys(int count) {
    if (keys[0].length < count) {
      for (int i = 0; i < keys.length; i++) {
        keys[i] = new int[count];
      }
    }
  }

  /** Writes {@code count} consecutive pages from {@code first} on; returns where they end. */
  private static int fill(int[] pages, int at, int first, int count) {
    for (int i = 0; i < count; i++) {
      pages[at + i] = first + i;
    }
    return at + count;
  }

  /**
   * Writes the {@code best} best-scored pages of [from, to), ascending. Finds the score of the last
   * one that is taken, then takes all above it and the lowest pages of those equal to it.
   */
  private int best(
      int[] pages, int at, Tensor scores, int scoreRow, int from, int to, int best, int worker) {
    if (to > scores.cols()) {
      throw new IllegalArgumentException(
          "list " + scoreRow + " chooses among " + to + " pages, scores hold " + scores.cols());
    }
    float[] values = HeapBuffer.floats(scores);
    int offset = HeapBuffer.at(scores, scoreRow);
    int[] keys = this.keys[worker];
    for (int page = from; page < to; page++) {
      keys[page - from] = orderedBits(values[offset + page]);
    }
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
    for (int page = from; page < to; page++) {
      int order = Integer.compareUnsigned(keys[page - from], threshold);
      if (order > 0 || order == 0 && ties-- > 0) {
        pages[at++] = page;
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
   * What a row keeps regardless of the scores: its visible pages are [first, current]; of them
   * {@code pages} are kept, among these the first {@code sink} and the last {@code recent} before
   * current.
   */
  private record Kept(int first, int current, int pages, int sink, int recent) {

    static Kept of(int row, KvLayer kv, CpuBatch batch, PageBudget budget) {
      int pageSize = kv.geometry().pageSize();
      int context = batch.position(row) + 1;
      int first = batch.firstPage(row, kv);
      int current = batch.currentPage(row, kv);
      int visible = current - first + 1;
      if (budget.readsAll(visible, context)) {
        return new Kept(first, current, visible, 0, visible - 1);
      }
      int left = budget.pages() - 1;
      int sinkEnd = (int) Math.min(((long) budget.sinkTokens() + pageSize - 1) / pageSize, current);
      int sink = Math.min(Math.max(0, sinkEnd - first), left);
      int oldestRecent = Math.max(0, context - budget.recentTokens()) / pageSize;
      int recentStart = Math.min(current, Math.max(oldestRecent, first + sink));
      int recent = Math.min(current - recentStart, left - sink);
      return new Kept(first, current, budget.pages(), sink, recent);
    }
  }
}
