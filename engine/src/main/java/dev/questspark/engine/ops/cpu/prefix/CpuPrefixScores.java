package dev.questspark.engine.ops.cpu.prefix;

import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Scoring;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.pages.CpuBatch;
import dev.questspark.engine.ops.cpu.pages.CpuDigests;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.prefix.PrefixBudget;
import dev.questspark.engine.ops.prefix.PrefixRows;
import dev.questspark.engine.ops.prefix.PrefixTable;
import java.util.Arrays;

/** scorePrefix: a task is one (row, KV head). */
final class CpuPrefixScores {
  /** Tiles whose digests are widened and multiplied together. */
  private static final int BATCH = 16;

  private final Workers workers;
  private final Scratch[] scratch;

  CpuPrefixScores(Workers workers, SimdOps[] simd) {
    this.workers = workers;
    this.scratch = new Scratch[workers.threads()];
    Arrays.setAll(scratch, i -> new Scratch(simd[i]));
  }

  /** One worker's memory. */
  private static final class Scratch {
    final SimdOps simd;
    float[] probes = new float[0]; // (G, 2 D): folded queries
    float[] wide = new float[0]; // pairs of a batch, as floats
    float[] sums = new float[0]; // (G, tiles)
    final int[] pairs = new int[BATCH];

    Scratch(SimdOps simd) {
      this.simd = simd;
    }

    void grow(int group, int width, int tiles) {
      if (probes.length < group * width || wide.length < BATCH * width) {
        probes = new float[group * width];
        wide = new float[BATCH * width];
      }
      if (sums.length < group * tiles) {
        sums = new float[Math.max(group * tiles, 2 * sums.length)];
      }
    }
  }

  void scorePrefix(
      Tensor scores,
      Tensor q,
      PrefixRows prefixes,
      int layer,
      LoadedBatch loaded,
      RowRange rows,
      Scoring scoring,
      PageBudget budget) {
    CpuBatch batch = CpuBatch.of(loaded, rows);
    CpuPrefixPages pages = new CpuPrefixPages(prefixes.pages());
    CpuDigests[] digests = pages.digests(scoring.score());
    if (budget.unit() % pages.tile != 0) {
      throw new IllegalArgumentException(
          "units of " + budget.unit() + " tokens with digests of " + pages.tile);
    }
    int kvHeads = prefixes.tables().get(0).kvHeads();
    int group = q.cols() / pages.headDim / kvHeads;
    OpArguments.require("scores", scores, rows.count() * kvHeads, scores.cols());
    OpArguments.require("q", q, rows.to(), kvHeads * group * pages.headDim);
    workers.run(
        rows.count() * kvHeads,
        2L * group * pages.headDim * scores.cols(),
        (task, worker) -> {
          int row = rows.from() + task / kvHeads;
          int head = task % kvHeads;
          PrefixTable table = prefixes.table(row);
          int slots = table.slots(layer, head);
          int suffix = batch.position(row) + 1;
          if (PrefixBudget.of(budget, slots, suffix, table.tokens() + suffix).readsAll()) {
            return;
          }
          int tiles = (slots + pages.tile - 1) / pages.tile;
          if (tiles > scores.cols()) {
            throw new IllegalArgumentException(
                "row " + row + " has " + tiles + " tiles to score, room for " + scores.cols());
          }
          Scratch mine = scratch[worker];
          mine.grow(group, 2 * pages.headDim, tiles);
          for (int g = 0; g < group; g++) {
            scoring
                .score()
                .fold(
                    mine.probes,
                    g * 2 * pages.headDim,
                    HeapBuffer.floats(q),
                    HeapBuffer.at(q, row) + (head * group + g) * pages.headDim,
                    pages.headDim);
          }
          multiply(pages, digests, table, layer, head, tiles, group, mine);
          reduce(
              scoring, group, tiles, mine, HeapBuffer.floats(scores), HeapBuffer.at(scores, task));
          batch.countScored(row, tiles);
        });
  }

  /** The products of a row's folded queries with all tiles of one head. */
  private static void multiply(
      CpuPrefixPages pages,
      CpuDigests[] digests,
      PrefixTable table,
      int layer,
      int head,
      int tiles,
      int group,
      Scratch scratch) {
    int perPage = pages.geometry.tiles();
    int count;
    for (int from = 0; from < tiles; from += count) {
      int slab = pages.slab(table.page(layer, head, from / perPage));
      count = 0;
      while (count < BATCH && from + count < tiles) {
        int tile = from + count;
        int page = table.page(layer, head, tile / perPage);
        if (pages.slab(page) != slab) {
          break;
        }
        int block = pages.inSlab(page) * perPage + tile % perPage;
        scratch.pairs[count++] = digests[slab].pairAt(block, 0);
      }
      digests[slab].multiply(
          scratch.sums,
          from,
          tiles,
          scratch.probes,
          0,
          group,
          scratch.pairs,
          count,
          scratch.wide,
          scratch.simd);
    }
  }

  private static void reduce(
      Scoring scoring, int group, int tiles, Scratch scratch, float[] target, int at) {
    float[] sums = scratch.sums;
    if (scoring.reduction() == GroupReduction.SOFTMAX) {
      Arrays.fill(target, at, at + tiles, 0f);
      for (int g = 0; g < group; g++) {
        for (int i = 0; i < tiles; i++) {
          sums[g * tiles + i] *= scoring.scale();
        }
        float largest = scratch.simd.max(sums, g * tiles, tiles);
        float share = 1 / scratch.simd.exponentiate(sums, g * tiles, tiles, largest);
        for (int i = 0; i < tiles; i++) {
          target[at + i] += share * sums[g * tiles + i];
        }
      }
      return;
    }
    System.arraycopy(sums, 0, target, at, tiles);
    for (int g = 1; g < group; g++) {
      for (int i = 0; i < tiles; i++) {
        float other = sums[g * tiles + i];
        target[at + i] =
            scoring.reduction() == GroupReduction.SUM
                ? target[at + i] + other
                : Math.max(target[at + i], other);
      }
    }
  }
}
