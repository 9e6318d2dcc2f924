package dev.questspark.engine.ops.cpu.attention;

import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.pages.CpuBatch;
import dev.questspark.engine.ops.cpu.pages.CpuKvPages;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import java.util.Arrays;

/**
 * attendPrefill in plain Java: one task per (tile of rows, KV head). Each block of pages is folded
 * into every row of the tile that sees it while the page is in the first-level cache; each row
 * folds its blocks of pages from the first on, regardless of the tile.
 */
public final class JavaPrefillAttention implements PrefillAttention {
  /** Rows that share one pass over the pages; 16 queries and outputs of 128 channels are 16 KiB. */
  private static final int TILE_ROWS = 16;

  private final Workers workers;
  private final OnlineSoftmax[] softmax;
  private final PageBlock[] blocks;

  public JavaPrefillAttention(Workers workers, SimdOps[] simd) {
    this.workers = workers;
    this.softmax = new OnlineSoftmax[workers.threads()];
    this.blocks = new PageBlock[workers.threads()];
    Arrays.setAll(softmax, i -> new OnlineSoftmax(simd[i]));
    Arrays.setAll(blocks, i -> new PageBlock(simd[i]));
  }

  @Override
  public void attendPrefill(
      Tensor out,
      Tensor q,
      KvLayer kv,
      LoadedBatch loaded,
      int fromSpan,
      int toSpan,
      float scale,
      float cap) {
    CpuBatch batch = CpuBatch.of(loaded);
    CpuKvPages pages = new CpuKvPages(kv);
    int group = OpArguments.queryHeadsPerKvHead(q, kv);
    RaggedBatch host = batch.host();
    OpArguments.require("q", q, host.rows(), q.cols());
    OpArguments.require("out", out, host.rows(), q.cols());
    for (int span = fromSpan; span < toSpan; span++) {
      int fromRow = host.spanRows()[span];
      int toRow = host.spanRows()[span + 1];
      int tiles = (toRow - fromRow + TILE_ROWS - 1) / TILE_ROWS;
      workers.run(
          tiles * pages.kvHeads,
          64L * TILE_ROWS * pages.pageFloats(),
          (task, worker) -> {
            // The last tile sees most: it goes first, so that no worker ends up with it alone.
            int first = fromRow + (tiles - 1 - task / pages.kvHeads) * TILE_ROWS;
            int last = Math.min(toRow, first + TILE_ROWS);
            int head = task % pages.kvHeads;
            attendTile(out, q, pages, batch, first, last, head, group, worker, scale, cap);
          });
    }
  }

  private void attendTile(
      Tensor out,
      Tensor q,
      CpuKvPages pages,
      CpuBatch batch,
      int fromRow,
      int toRow,
      int head,
      int group,
      int worker,
      float scale,
      float cap) {
    OnlineSoftmax states = softmax[worker];
    PageBlock block = blocks[worker];
    int headDim = pages.headDim;
    int channel = head * group * headDim;
    float[] outs = HeapBuffer.floats(out);
    float[] queries = HeapBuffer.floats(q);
    for (int row = fromRow; row < toRow; row++) {
      int target = HeapBuffer.at(out, row) + channel;
      Arrays.fill(outs, target, target + group * headDim, 0f);
    }
    states.reset((toRow - fromRow) * group);
    // Blocks are counted from page 0 on, wherever the tile or its window begins.
    int blockPages = PageBlock.fullPages(pages.pageSize);
    int firstPage = pages.firstVisible(batch.position(fromRow)) / pages.pageSize;
    int lastPage = batch.position(toRow - 1) / pages.pageSize;
    for (int at = firstPage / blockPages * blockPages; at <= lastPage; at += blockPages) {
      block.clear(pages, pages.pageSize, 0);
      int end = Math.min(lastPage + 1, at + blockPages);
      for (int logical = Math.max(at, firstPage); logical < end; logical++) {
        block.add(batch.page(fromRow, logical), head, logical * pages.pageSize);
      }
      block.load();
      for (int row = fromRow; row < toRow; row++) {
        int position = batch.position(row);
        int firstVisible = pages.firstVisible(position);
        if (position < at * pages.pageSize || firstVisible >= end * pages.pageSize) {
          continue;
        }
        states.fold(
            (row - fromRow) * group,
            group,
            queries,
            HeapBuffer.at(q, row) + channel,
            outs,
            HeapBuffer.at(out, row) + channel,
            block,
            firstVisible,
            position,
            scale,
            cap);
      }
    }
    for (int state = 0; state < (toRow - fromRow) * group; state++) {
      int target = HeapBuffer.at(out, fromRow + state / group) + channel + state % group * headDim;
      states.finish(state, outs, target, headDim);
    }
  }
}
