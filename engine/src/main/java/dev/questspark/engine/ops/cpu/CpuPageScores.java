package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.GroupReduction;
import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.PageScore;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Tensor;

/**
 * scorePages: both scores are one dot product of a page's digest pair with a vector made from the
 * query once per (row, head).
 *
 * <pre>
 *   minmax:  sum_i max(q_i min_i, q_i max_i)   = [min | max]  . [min(q, 0) | max(q, 0)]
 *   meanstd: sum_i (q_i mean_i + |q_i| std_i)  = [mean | std] . [q | |q|]
 * </pre>
 */
final class CpuPageScores {
  /** Pages of a task, so that a single long sequence occupies every worker. */
  private static final int CHUNK_PAGES = 256;

  private final Workers workers;
  private final Loops[] loops;
  private final float[][] probes; // (G, 2 D), and room for one pair

  CpuPageScores(Workers workers, Loops[] loops) {
    this.workers = workers;
    this.loops = loops;
    this.probes = new float[workers.threads()][0];
  }

  void scorePages(
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
    int group = Shapes.queryHeads(q, kv) / kvHeads;
    Shapes.require("scores", scores, rows.count() * kvHeads, scores.cols());
    Shapes.require("q", q, rows.to(), q.cols());
    int width = 2 * digests.pages().headDim;
    growProbes((group + 1) * width);
    int chunks = (longest(batch, rows, kv) + CHUNK_PAGES - 1) / CHUNK_PAGES;
    workers.run(
        rows.count() * kvHeads * chunks,
        (long) group * width * CHUNK_PAGES,
        (task, worker) -> {
          int list = task / chunks;
          int row = rows.from() + list / kvHeads;
          int head = list % kvHeads;
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
          if (from >= to) {
            return;
          }
          float[] probe = probes[worker];
          probe(probe, q, row, head * group, group, digests.pages().headDim, kind);
          float[] target = HeapFloats.of(scores);
          int at = HeapFloats.at(scores, list);
          boolean sum = reduction == GroupReduction.SUM;
          for (int page = from; page < to; page++) {
            int pair = digests.pairAt(batch.page(row, page), head);
            target[at + page] = score(digests, pair, probe, group, width, sum, loops[worker]);
          }
          batch.countScored(row, to - from);
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

  private void growProbes(int floats) {
    if (probes[0].length < floats) {
      for (int i = 0; i < probes.length; i++) {
        probes[i] = new float[floats];
      }
    }
  }

  /** Fills (G, 2 D): what the digest pair is multiplied with, for each query head of the group. */
  private static void probe(
      float[] probe, Tensor q, int row, int firstHead, int group, int headDim, PageScore kind) {
    float[] query = HeapFloats.of(q);
    for (int g = 0; g < group; g++) {
      int source = HeapFloats.at(q, row) + (firstHead + g) * headDim;
      int target = g * 2 * headDim;
      for (int i = 0; i < headDim; i++) {
        float x = query[source + i];
        boolean minMax = kind == PageScore.MINMAX;
        probe[target + i] = minMax ? Math.min(x, 0f) : x;
        probe[target + headDim + i] = minMax ? Math.max(x, 0f) : Math.abs(x);
      }
    }
  }

  /** One page's score: a dot product per query head, reduced over the group. */
  private static float score(
      CpuDigests digests,
      int pairAt,
      float[] probe,
      int group,
      int width,
      boolean sum,
      Loops loops) {
    float[] pairs = digests.floats();
    int pair = pairAt;
    if (pairs == null) {
      pairs = probe;
      pair = group * width;
      digests.widen(pairAt, probe, pair, loops);
    }
    float result = loops.dot(pairs, pair, probe, 0, width);
    for (int g = 1; g < group; g++) {
      float score = loops.dot(pairs, pair, probe, g * width, width);
      result = sum ? result + score : Math.max(result, score);
    }
    return result;
  }
}
