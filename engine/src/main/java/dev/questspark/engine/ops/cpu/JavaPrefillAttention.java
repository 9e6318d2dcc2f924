package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.Tensor;
import java.util.Arrays;

/**
 * attendPrefill in plain Java: one task per (tile of rows, KV head). Each page is folded into every
 * row of the tile that sees it while the page is in the first-level cache; each row folds its pages
 * from the first on, whatever the tile.
 */
final class JavaPrefillAttention implements PrefillAttention {
  /** Rows that share one pass over the pages; 16 queries and outputs of 128 channels are 16 KiB. */
  private static final int TILE_ROWS = 16;

  private final Workers workers;
  private final OnlineSoftmax[] softmax;

  JavaPrefillAttention(Workers workers) {
    this.workers = workers;
    this.softmax = new OnlineSoftmax[workers.threads()];
    Arrays.setAll(softmax, i -> new OnlineSoftmax());
  }

  @Override
  public void attendPrefill(
      Tensor out, Tensor q, KvLayer kv, LoadedBatch loaded, int fromSpan, int toSpan, float scale) {
    CpuBatch batch = CpuBatch.of(loaded);
    CpuKvPages pages = new CpuKvPages(kv);
    int group = Shapes.queryHeads(q, kv) / pages.kvHeads;
    RaggedBatch host = batch.host();
    Shapes.require("q", q, host.rows(), q.cols());
    Shapes.require("out", out, host.rows(), q.cols());
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
            attendTile(out, q, pages, batch, first, last, head, group, softmax[worker], scale);
          });
    }
  }

  private static void attendTile(
      Tensor out,
      Tensor q,
      CpuKvPages pages,
      CpuBatch batch,
      int fromRow,
      int toRow,
      int head,
      int group,
      OnlineSoftmax states,
      float scale) {
    int headDim = pages.headDim;
    int channel = head * group * headDim;
    float[] outs = HeapFloats.of(out);
    float[] queries = HeapFloats.of(q);
    for (int row = fromRow; row < toRow; row++) {
      int target = HeapFloats.at(out, row) + channel;
      Arrays.fill(outs, target, target + group * headDim, 0f);
    }
    states.reset((toRow - fromRow) * group, pages.pageSize);
    int firstPage = pages.firstVisible(batch.position(fromRow)) / pages.pageSize;
    int lastPage = batch.position(toRow - 1) / pages.pageSize;
    for (int logical = firstPage; logical <= lastPage; logical++) {
      int page = batch.page(fromRow, logical);
      int start = logical * pages.pageSize;
      for (int row = fromRow; row < toRow; row++) {
        int first = Math.max(0, pages.firstVisible(batch.position(row)) - start);
        int last = Math.min(pages.pageSize, batch.position(row) + 1 - start);
        for (int g = 0; g < group && first < last; g++) {
          int state = (row - fromRow) * group + g;
          int query = HeapFloats.at(q, row) + channel + g * headDim;
          int target = HeapFloats.at(out, row) + channel + g * headDim;
          states.fold(state, queries, query, outs, target, pages, page, head, first, last, scale);
        }
      }
    }
    for (int state = 0; state < (toRow - fromRow) * group; state++) {
      int target = HeapFloats.at(out, fromRow + state / group) + channel + state % group * headDim;
      states.finish(state, outs, target, headDim);
    }
  }
}
