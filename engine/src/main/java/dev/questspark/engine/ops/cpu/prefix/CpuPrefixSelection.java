package dev.questspark.engine.ops.cpu.prefix;

import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.pages.BestUnits;
import dev.questspark.engine.ops.cpu.pages.CpuBatch;
import dev.questspark.engine.ops.cpu.pages.CpuPageList;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import dev.questspark.engine.ops.prefix.PrefixBudget;
import dev.questspark.engine.ops.prefix.PrefixGeometry;
import dev.questspark.engine.ops.prefix.PrefixRows;
import dev.questspark.engine.ops.prefix.PrefixTable;
import java.util.Arrays;

/** topPrefix and keepPrefix: a task is one (row, KV head). */
final class CpuPrefixSelection {
  private final Workers workers;
  private final BestUnits[] bestUnits;

  CpuPrefixSelection(Workers workers, SimdOps[] simd) {
    this.workers = workers;
    this.bestUnits = new BestUnits[workers.threads()];
    Arrays.setAll(bestUnits, i -> new BestUnits(simd[i]));
  }

  /**
   * @param scores null to take the last units for the best
   */
  void select(
      PageList target,
      Tensor scores,
      PrefixRows prefixes,
      int layer,
      LoadedBatch loaded,
      RowRange rows,
      PageBudget budget) {
    budget.requireDivides(PrefixGeometry.SLOTS);
    CpuBatch batch = CpuBatch.of(loaded, rows);
    int kvHeads = prefixes.tables().get(0).kvHeads();
    int tile = prefixes.pages().geometry().tile();
    CpuPageList list = CpuPageList.of(target, rows.count(), kvHeads);
    list.unit(budget.unit());
    if (scores != null) {
      OpArguments.require("scores", scores, rows.count() * kvHeads, scores.cols());
      if (budget.unit() % tile != 0) {
        throw new IllegalArgumentException(
            "units of " + budget.unit() + " tokens with a score for every " + tile);
      }
    }
    int parts = Math.max(1, budget.unit() / tile);
    workers.run(
        rows.count() * kvHeads,
        scores == null ? 64 : 8L * scores.cols(),
        (task, worker) -> {
          int row = rows.from() + task / kvHeads;
          PrefixTable table = prefixes.table(row);
          int slots = table.slots(layer, task % kvHeads);
          int suffix = batch.position(row) + 1;
          PrefixBudget read = PrefixBudget.of(budget, slots, suffix, table.tokens() + suffix);
          list.count(task, read.read());
          int[] entries = list.entries();
          int at = fill(entries, list.start(task), 0, read.sink());
          int from = read.sink();
          int to = read.units() - read.recent();
          if (read.best() == to - from || scores == null) {
            at = fill(entries, at, to - read.best(), read.best());
          } else if (read.best() > 0) {
            BestUnits best = bestUnits[worker];
            take(best, scores, task, from, to, parts, (slots + tile - 1) / tile);
            at = best.write(entries, at, from, to - from, read.best());
          }
          fill(entries, at, to, read.recent());
        });
  }

  /**
   * Lets {@code best} take the scores of units [from, to).
   *
   * @param tiles that have a score; those of the last unit beyond them count for nothing
   */
  private static void take(
      BestUnits best, Tensor scores, int scoreRow, int from, int to, int parts, int tiles) {
    float[] array = HeapBuffer.floats(scores);
    int at = HeapBuffer.at(scores, scoreRow);
    Arrays.fill(array, at + tiles, at + Math.max(tiles, to * parts), Float.NEGATIVE_INFINITY);
    best.take(array, at + from * parts, to - from, parts, 0);
  }

  private static int fill(int[] entries, int at, int first, int count) {
    for (int i = 0; i < count; i++) {
      entries[at + i] = first + i;
    }
    return at + count;
  }
}
