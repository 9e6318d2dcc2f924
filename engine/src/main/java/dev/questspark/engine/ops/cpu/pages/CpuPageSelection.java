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
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import java.util.Arrays;

/** The ops that make page lists: topPages and keepPages. */
public final class CpuPageSelection {
  private final Workers workers;
  private final BestUnits[] bestUnits;

  public CpuPageSelection(Workers workers, SimdOps[] simd) {
    this.workers = workers;
    this.bestUnits = new BestUnits[workers.threads()];
    Arrays.setAll(bestUnits, i -> new BestUnits(simd[i]));
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
            take(bestUnits[worker], scores, task, from, to, parts, firstScored);
            at = bestUnits[worker].write(list.entries(), at, from, to - from, best);
          }
          fill(list.entries(), at, to, kept.recent + 1);
        });
  }

  /** Writes {@code count} consecutive units from {@code first} on; returns where they end. */
  private static int fill(int[] entries, int at, int first, int count) {
    for (int i = 0; i < count; i++) {
      entries[at + i] = first + i;
    }
    return at + count;
  }

  /**
   * Lets {@code best} take the scores of units [from, to).
   *
   * @param parts scores of a unit
   * @param firstScored first score that counts: those before it belong to what the row cannot see
   */
  private static void take(
      BestUnits best, Tensor scores, int scoreRow, int from, int to, int parts, int firstScored) {
    if (to * parts > scores.cols()) {
      throw new IllegalArgumentException(
          "list "
              + scoreRow
              + " chooses by "
              + to * parts
              + " scores, but there are "
              + scores.cols());
    }
    int first = from * parts;
    int hidden = Math.max(0, firstScored - first);
    int at = HeapBuffer.at(scores, scoreRow) + first;
    best.take(HeapBuffer.floats(scores), at, to - from, parts, hidden);
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
