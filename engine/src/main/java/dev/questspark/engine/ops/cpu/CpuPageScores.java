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
  private final Workers workers;
  private final float[][] probes;

  CpuPageScores(Workers workers) {
    this.workers = workers;
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
    growProbes(group * width);
    workers.run(
        rows.count() * kvHeads,
        (long) group * width * scores.cols(),
        (task, worker) -> {
          int row = rows.from() + task / kvHeads;
          int head = task % kvHeads;
          int current = batch.currentPage(row, kv);
          int first = batch.firstPage(row, kv);
          if (budget.readsAll(current - first + 1, batch.position(row) + 1)) {
            return;
          }
          if (current > scores.cols()) {
            throw new IllegalArgumentException(
                "row " + row + " has " + current + " pages to score, room for " + scores.cols());
          }
          float[] probe = probes[worker];
          probe(probe, q, row, head * group, group, digests.pages().headDim, kind);
          float[] target = HeapFloats.of(scores);
          int at = HeapFloats.at(scores, task);
          for (int page = first; page < current; page++) {
            int pair = digests.pairAt(batch.page(row, page), head);
            target[at + page] = reduce(digests.pairs(), pair, probe, group, width, reduction);
          }
          batch.countScored(row, current - first);
        });
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

  private static float reduce(
      float[] pairs, int pair, float[] probe, int group, int width, GroupReduction reduction) {
    float result = FloatLoops.dot(pairs, pair, probe, 0, width);
    for (int g = 1; g < group; g++) {
      float score = FloatLoops.dot(pairs, pair, probe, g * width, width);
      result = reduction == GroupReduction.MAX ? Math.max(result, score) : result + score;
    }
    return result;
  }
}
