package dev.questspark.engine.ops.cpu.pages;

import dev.questspark.engine.ops.GroupReduction;
import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.PageScore;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import java.util.Arrays;

/**
 * scorePages: both scores are one dot product of a page's digest pair with a vector made from the
 * query once per (row, head).
 *
 * <pre>
 *   minmax:  sum_i max(q_i min_i, q_i max_i)   = [min | max]  . [min(q, 0) | max(q, 0)]
 *   meanstd: sum_i (q_i mean_i + |q_i| std_i)  = [mean | std] . [q | |q|]
 * </pre>
 */
public final class CpuPageScores {
  /** Pages of a task, so that a single long sequence occupies every worker. */
  private static final int CHUNK_PAGES = 64;

  /** Pages whose digests are asked from memory together. */
  private static final int AHEAD_PAGES = 16;

  private final Workers workers;
  private final Scratch[] scratch;

  public CpuPageScores(Workers workers, SimdOps[] simd) {
    this.workers = workers;
    this.scratch = new Scratch[workers.threads()];
    Arrays.setAll(scratch, i -> new Scratch(simd[i]));
  }

  public void scorePages(
      Tensor scores,
      Tensor q,
      KvLayer kv,
      LoadedBatch loaded,
      RowRange rows,
      PageScore kind,
      GroupReduction reduction,
      PageBudget budget) {
    CpuBatch batch = CpuBatch.of(loaded, rows);
    Tensor tensor = kv.digests().get(kind);
    if (tensor == null) {
      throw new IllegalArgumentException(
          "no " + kind + " digests are kept; the cache has " + kv.digests().keySet());
    }
    CpuDigests digests = new CpuDigests(kind, tensor, new CpuKvPages(kv));
    int kvHeads = digests.pages().kvHeads;
    int group = OpArguments.queryHeadsPerKvHead(q, kv);
    OpArguments.require("scores", scores, rows.count() * kvHeads, scores.cols());
    OpArguments.require("q", q, rows.to(), q.cols());
    int width = 2 * digests.pages().headDim;
    grow(digests.pages().kvHeads * group * width, width, group);
    Call call = new Call(scores, q, digests, batch, kind, reduction == GroupReduction.SUM, group);
    int chunks = (longest(batch, rows, kv) + CHUNK_PAGES - 1) / CHUNK_PAGES;
    workers.run(
        rows.count() * chunks,
        (long) kvHeads * group * width * CHUNK_PAGES,
        (task, worker) -> {
          int row = rows.from() + task / chunks;
          int current = batch.currentPage(row, kv);
          int first = batch.firstPage(row, kv);
          if (budget.readsAll(current - first + 1, batch.position(row) + 1)) {
            return;
          }
          if (current > scores.cols()) {
            throw new IllegalArgumentException(
                "row " + row + " has " + current + " pages to score, room for " + scores.cols());
          }
          int from = Math.max(first, task % chunks * CHUNK_PAGES);
          int to = Math.min(current, (task % chunks + 1) * CHUNK_PAGES);
          if (from < to) {
            call.score(row, row - rows.from(), from, to, scratch[worker]);
            batch.countScored(row, (to - from) * kvHeads);
          }
        });
  }

  /** Most pages before the current one of any row. */
  private static int longest(CpuBatch batch, RowRange rows, KvLayer kv) {
    int longest = 0;
    for (int row = rows.from(); row < rows.to(); row++) {
      longest = Math.max(longest, batch.currentPage(row, kv));
    }
    return longest;
  }

  private void grow(int probes, int width, int group) {
    for (Scratch each : scratch) {
      if (each.probes.length < probes || each.pair.length < width || each.sums.length < group) {
        each.probes = new float[probes];
        each.pair = new float[width];
        each.sums = new float[group];
      }
    }
  }

  /** One worker's memory. */
  private static final class Scratch {
    final SimdOps simd;
    float[] probes = new float[0]; // (Hkv, G, 2 D)
    float[] pair = new float[0]; // a pair of fewer bits, widened
    float[] sums = new float[0]; // (G)
    float touched; // without a use, the compiler would drop the loads

    Scratch(SimdOps simd) {
      this.simd = simd;
    }
  }

  /** The arguments of one call of the op. */
  private record Call(
      Tensor scores,
      Tensor q,
      CpuDigests digests,
      CpuBatch batch,
      PageScore kind,
      boolean sum,
      int group) {

    /** Scores pages [from, to) of a row for all KV heads, whose pairs stand side by side. */
    void score(int row, int index, int from, int to, Scratch scratch) {
      int headDim = digests.pages().headDim;
      int kvHeads = digests.pages().kvHeads;
      int probeFloats = group * 2 * headDim;
      for (int head = 0; head < kvHeads; head++) {
        probe(scratch.probes, head * probeFloats, q, row, head * group, group, headDim, kind);
      }
      float[] target = HeapBuffer.floats(scores);
      for (int page = from; page < to; page++) {
        if ((page - from) % AHEAD_PAGES == 0) {
          for (int next = page; next < Math.min(to, page + AHEAD_PAGES); next++) {
            scratch.touched += digests.touch(batch.page(row, next));
          }
        }
        int id = batch.page(row, page);
        for (int head = 0; head < kvHeads; head++) {
          int at = HeapBuffer.at(scores, index * kvHeads + head) + page;
          target[at] = score(digests.pairAt(id, head), head * probeFloats, scratch);
        }
      }
    }

    /** One page's score: a dot product per query head, reduced over the group. */
    private float score(int pairAt, int probe, Scratch scratch) {
      float[] pairs = digests.floats();
      int pair = pairAt;
      if (pairs == null) {
        pairs = scratch.pair;
        pair = 0;
        digests.widen(pairAt, pairs, 0, scratch.simd);
      }
      int width = 2 * digests.pages().headDim;
      scratch.simd.dots(scratch.sums, group, pairs, pair, scratch.probes, probe, width);
      float result = scratch.sums[0];
      for (int g = 1; g < group; g++) {
        float score = scratch.sums[g];
        result = sum ? result + score : Math.max(result, score);
      }
      return result;
    }
  }

  /** Fills (G, 2 D): what the digest pair is multiplied with, for each query head of the group. */
  private static void probe(
      float[] probe,
      int at,
      Tensor q,
      int row,
      int firstHead,
      int group,
      int headDim,
      PageScore kind) {
    float[] query = HeapBuffer.floats(q);
    for (int g = 0; g < group; g++) {
      int source = HeapBuffer.at(q, row) + (firstHead + g) * headDim;
      int target = at + g * 2 * headDim;
      for (int i = 0; i < headDim; i++) {
        float x = query[source + i];
        boolean minMax = kind == PageScore.MINMAX;
        probe[target + i] = minMax ? Math.min(x, 0f) : x;
        probe[target + headDim + i] = minMax ? Math.max(x, 0f) : Math.abs(x);
      }
    }
  }
}
