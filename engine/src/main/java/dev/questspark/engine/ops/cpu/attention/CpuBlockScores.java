package dev.questspark.engine.ops.cpu.attention;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.pages.CpuBatch;
import dev.questspark.engine.ops.cpu.pages.CpuKvPages;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import dev.questspark.engine.ops.prefill.BlockBudget;
import dev.questspark.engine.ops.prefill.BlockScoring;
import dev.questspark.engine.ops.prefill.Segments;
import java.util.Arrays;
import java.util.function.BiFunction;

/**
 * scoreBlocks: one task per (segment, KV head). Keys are read once, some blocks at a time; weights
 * are kept as logarithms per query and block until all keys have been seen.
 */
public final class CpuBlockScores {
  private final Workers workers;
  private final SimdOps[] simd; // of each worker
  private final BiFunction<SimdOps, DType, KeyProduct> products;
  private final BlockWeights[] weights; // of each worker

  /**
   * @param products makes a worker's products of the cache's type
   */
  CpuBlockScores(Workers workers, SimdOps[] simd, BiFunction<SimdOps, DType, KeyProduct> products) {
    this.workers = workers;
    this.simd = simd;
    this.products = products;
    this.weights = new BlockWeights[workers.threads()];
  }

  /** See {@link dev.questspark.engine.ops.TensorOps#scoreBlocks}. */
  public void scoreBlocks(
      Tensor scores,
      Tensor q,
      KvLayer kv,
      LoadedBatch loaded,
      Segments segments,
      BlockScoring scoring,
      BlockBudget budget,
      float scale,
      float cap) {
    CpuBatch batch = CpuBatch.of(loaded);
    CpuKvPages pages = new CpuKvPages(kv);
    int group = OpArguments.queryHeadsPerKvHead(q, kv);
    OpArguments.require("q", q, batch.host().rows(), q.cols());
    OpArguments.require("scores", scores, segments.count() * pages.kvHeads, scores.cols());
    workers.run(
        segments.count() * pages.kvHeads,
        (long) q.cols() * scores.cols(),
        (task, worker) -> {
          // The last segment has most blocks before it: it goes first.
          int segment = segments.count() - 1 - task / pages.kvHeads;
          int kvHead = task % pages.kvHeads;
          if (!budget.readsAll(segments, segment, scoring.fewestRows())) {
            Segment of = new Segment(q, pages, batch, segments, segment, kvHead, group);
            float[] target = HeapBuffer.floats(scores);
            int at = HeapBuffer.at(scores, segment * pages.kvHeads + kvHead);
            score(target, at, of, scoring, scale, cap, worker);
          }
        });
  }

  private void score(
      float[] target,
      int at,
      Segment of,
      BlockScoring scoring,
      float scale,
      float cap,
      int worker) {
    if (scoring instanceof BlockScoring.Midpoint midpoint) {
      MidpointScores.score(target, at, of, midpoint.previous(), scale, simd[worker]);
      return;
    }
    if (weights[worker] == null || weights[worker].dtype() != of.pages().dtype()) {
      DType dtype = of.pages().dtype();
      weights[worker] = new BlockWeights(dtype, simd[worker], products.apply(simd[worker], dtype));
    }
    if (scoring instanceof BlockScoring.SampledRows sampled) {
      weights[worker].ofRows(target, at, of, sampled.rows(), scale, cap);
    } else {
      int stride = ((BlockScoring.Antidiagonal) scoring).stride();
      weights[worker].ofStrides(target, at, of, stride, scale, cap);
    }
  }

  /** One segment and KV head of a call. */
  record Segment(
      Tensor q,
      CpuKvPages pages,
      CpuBatch batch,
      Segments segments,
      int segment,
      int kvHead,
      int group) {

    int firstRow() {
      return segments.rows()[segment];
    }

    int rows() {
      return segments.rowsOf(segment);
    }

    int start() {
      return segments.starts()[segment];
    }

    int block() {
      return segments.shape().block();
    }

    int blocksBefore() {
      return segments.blocksBefore(segment);
    }

    /** Index of a row's first channel of query head {@code g} of the group. */
    int queryAt(int row, int g) {
      return HeapBuffer.at(q, row) + (kvHead * group + g) * pages.headDim;
    }

    /**
     * Copies the keys of positions [first, last), channel by channel, {@code cols} of them from one
     * channel to the next; what is not filled is zero.
     *
     * @param raw room of the cache's type, for keys that are not float
     */
    void keys(int first, int last, int cols, float[] keys, short[] raw, SimdOps simd) {
      Object target = pages.dtype() == DType.F32 ? keys : raw;
      int count = pages.headDim * cols;
      if (last - first < cols) {
        if (raw == null) {
          Arrays.fill(keys, 0, count, 0f);
        } else {
          Arrays.fill(raw, 0, count, (short) 0);
        }
      }
      int tokens;
      for (int at = first; at < last; at += tokens) {
        int slot = at % pages.pageSize;
        tokens = Math.min(pages.pageSize - slot, last - at);
        int page = batch.page(firstRow(), at / pages.pageSize);
        pages.copyChannels(page, kvHead, slot, tokens, target, at - first, cols, simd);
      }
      if (raw != null) {
        simd.widen(raw, 0, keys, 0, count);
      }
    }
  }
}
