package dev.questspark.engine.ops.cpu.attention;

import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.onednn.OneDnn;
import dev.questspark.engine.ops.cpu.pages.CpuBatch;
import dev.questspark.engine.ops.cpu.pages.CpuBlockList;
import dev.questspark.engine.ops.cpu.pages.CpuKvPages;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import dev.questspark.engine.ops.prefill.BlockBudget;
import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.BlockScoring;
import dev.questspark.engine.ops.prefill.Segments;
import dev.questspark.engine.ops.prefill.TileSkipping;
import java.util.Arrays;
import java.util.List;

/**
 * attendPrefill on oneDNN: one task per (tile of rows, KV head). A tile stacks the group's query
 * heads of consecutive rows, so that all of them share each block of keys; with block lists it ends
 * where its segment does. Keys are folded in blocks of {@link FlashBlock#SLOTS} places of {@link
 * KeyRuns}, which for a dense row are positions from 0 on, wherever a chunk begins, so that a row
 * adds up its keys in one order however its sequence was cut.
 */
public final class OneDnnPrefillAttention implements PrefillAttention {
  /** Rows of queries that are still worth bringing a block of keys for. */
  private static final int FEWEST_ROWS = 64;

  private final Workers workers;
  private final FlashTiles tiles;
  private final KeyRuns[] runs; // of each worker
  private final CpuBlockScores blockScores;

  public OneDnnPrefillAttention(
      OneDnn library, Workers workers, SimdOps[] simd, boolean invariant) {
    this.workers = workers;
    this.tiles = new FlashTiles(library, simd, invariant);
    this.runs = new KeyRuns[workers.threads()];
    Arrays.setAll(runs, i -> new KeyRuns());
    this.blockScores =
        new CpuBlockScores(
            workers, simd, (own, dtype) -> new OneDnnKeyProduct(library, own, dtype));
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
    Call call = call(out, null, q, kv, loaded, null, TileSkipping.NONE, scale, cap);
    int[] spanRows = loaded.host().spanRows();
    for (int span = fromSpan; span < toSpan; span++) {
      int most = call.tileRows(spanRows[span + 1] - spanRows[span], workers);
      run(call, TileRows.ofSpan(spanRows, span, most));
    }
  }

  @Override
  public void attendPrefill(
      Tensor out,
      Tensor logSumExp,
      Tensor q,
      KvLayer kv,
      LoadedBatch loaded,
      BlockList list,
      TileSkipping skipping,
      float scale,
      float cap) {
    Call call = call(out, logSumExp, q, kv, loaded, list, skipping, scale, cap);
    Segments segments = list.segments();
    int[] rows = segments.rows();
    int most = call.tileRows(rows[segments.count()] - rows[0], workers);
    run(call, TileRows.ofSegments(segments, most));
  }

  @Override
  public void scoreBlocks(
      Tensor scores,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      Segments segments,
      BlockScoring scoring,
      BlockBudget budget,
      float scale,
      float cap) {
    blockScores.scoreBlocks(scores, q, kv, batch, segments, scoring, budget, scale, cap);
  }

  private static Call call(
      Tensor out,
      Tensor logSumExp,
      Tensor q,
      KvLayer kv,
      LoadedBatch loaded,
      BlockList list,
      TileSkipping skipping,
      float scale,
      float cap) {
    CpuBatch batch = CpuBatch.of(loaded);
    CpuKvPages pages = new CpuKvPages(kv);
    int group = OpArguments.queryHeadsPerKvHead(q, kv);
    OpArguments.require("q", q, batch.host().rows(), q.cols());
    OpArguments.require("out", out, batch.host().rows(), q.cols());
    if (logSumExp != null) {
      OpArguments.require(
          "logSumExp", logSumExp, batch.host().rows(), OpArguments.queryHeads(q, kv));
    }
    Lists lists = list == null ? null : new Lists(CpuBlockList.of(list, pages.kvHeads), skipping);
    return new Call(new Outputs(out, logSumExp), q, pages, batch, lists, group, scale, cap);
  }

  private void run(Call call, List<TileRows> cut) {
    FlashTile[] tile = tiles.of(call.pages.dtype(), call.pages.headDim);
    int heads = call.headsOfTile();
    int slices = (call.group + heads - 1) / heads;
    int perTile = call.pages.kvHeads * slices;
    if (cut.isEmpty()) {
      return;
    }
    workers.run(
        cut.size() * perTile,
        (long) cut.get(0).count() * heads * FlashBlock.SLOTS * call.pages.headDim,
        (task, worker) -> {
          // The last tile sees most: it goes first, so that no worker ends up with it alone.
          TileRows rows = cut.get(cut.size() - 1 - task / perTile);
          int kvHead = task % perTile / slices;
          int slice = task % slices * heads;
          call.attend(
              tile[worker],
              runs[worker],
              tiles.queries(worker, call.pages.headDim),
              rows,
              kvHead,
              kvHead * call.group + slice,
              Math.min(heads, call.group - slice));
        });
  }

  /**
   * What a call writes.
   *
   * @param logSumExp null if nobody asks
   */
  private record Outputs(Tensor out, Tensor logSumExp) {}

  /** What is read instead of everything. */
  private record Lists(CpuBlockList blocks, TileSkipping skipping) {}

  /**
   * The arguments of one call of the op.
   *
   * @param lists null for dense attention
   * @param group query heads per KV head
   */
  private record Call(
      Outputs outputs,
      Tensor q,
      CpuKvPages pages,
      CpuBatch batch,
      Lists lists,
      int group,
      float scale,
      float cap) {

    boolean skips() {
      return lists != null && lists.skipping.any();
    }

    /** Groups wider than a tile are cut into slices of heads. */
    int headsOfTile() {
      return Math.min(group, skips() ? FlashTile.ROWS / TileSkipping.ROWS : FlashTile.ROWS);
    }

    /** The tile's row of a batch row's head, both counted from the tile's first. */
    private int tileRow(int row, int head, int heads) {
      return skips() ? head * TileSkipping.ROWS + row : row * heads + head;
    }

    /** Rows of a tile, some of them perhaps not in use. */
    private int tileRows(TileRows rows, int heads) {
      return skips() ? heads * TileSkipping.ROWS : rows.count() * heads;
    }

    /** The most of so many rows that fit into a tile and leave every worker something to do. */
    int tileRows(int rows, Workers workers) {
      if (skips()) {
        return TileSkipping.ROWS;
      }
      int heads = headsOfTile();
      int perTile = pages.kvHeads * ((group + heads - 1) / heads);
      int tileRows = FlashTile.ROWS / heads;
      while (tileRows * heads > FEWEST_ROWS
          && tileRows > 1
          && (rows + tileRows - 1) / tileRows * perTile < 2 * workers.threads()) {
        tileRows /= 2;
      }
      return tileRows;
    }

    /** Query heads [firstHead, firstHead + heads) of the rows. */
    void attend(
        FlashTile tile,
        KeyRuns runs,
        float[] scaled,
        TileRows rows,
        int kvHead,
        int firstHead,
        int heads) {
      int fromRow = rows.from();
      int toRow = rows.to();
      loadQueries(tile, scaled, fromRow, toRow, firstHead, heads);
      int tileRows = tileRows(rows, heads);
      tile.reset(tileRows, cap);
      int firstSeen = pages.firstVisible(batch.position(fromRow));
      int lastPosition = batch.position(toRow - 1);
      if (lists == null) {
        runs.whole(firstSeen, lastPosition + 1);
      } else {
        runs.of(lists.blocks, rows.segment(), kvHead, pages, FlashBlock.SLOTS);
      }
      for (int unused = toRow - fromRow; skips() && unused < TileSkipping.ROWS; unused++) {
        for (int h = 0; h < heads; h++) {
          tile.see(tileRow(unused, h, heads), 0, 0);
        }
      }
      int firstPlace = runs.placeOf(firstSeen);
      int endPlace = runs.placeOf(lastPosition) + 1;
      for (int start = firstPlace / FlashBlock.SLOTS * FlashBlock.SLOTS;
          start < endPlace;
          start += FlashBlock.SLOTS) {
        int from = Math.max(start, firstPlace);
        int to = Math.min(start + FlashBlock.SLOTS, endPlace);
        tile.block().load(pages, batch, fromRow, kvHead, runs, start, from, to);
        for (int row = fromRow; row < toRow; row++) {
          int position = batch.position(row);
          int first = clamp(runs.placeOf(pages.firstVisible(position)) - start);
          int last = Math.max(first, clamp(runs.placeOf(position) + 1 - start));
          for (int h = 0; h < heads; h++) {
            tile.see(tileRow(row - fromRow, h, heads), first, last);
          }
        }
        if (skips()) {
          int block = lists.blocks.segments().shape().block();
          tile.fold(tileRows, lists.skipping.margin(), block);
        } else {
          tile.fold(tileRows);
        }
      }
      if (lists != null) {
        count(tile, runs, rows, heads);
      }
      read(tile, fromRow, toRow, firstHead, heads);
    }

    /** Blocks that each row reads: those of the list that it sees, and its segment's. */
    private void count(FlashTile tile, KeyRuns runs, TileRows rows, int heads) {
      for (int row = rows.from(); row < rows.to(); row++) {
        int position = batch.position(row);
        int blocks = 0;
        for (int h = 0; skips() && h < heads; h++) {
          blocks += tile.keptBlocks(tileRow(row - rows.from(), h, heads));
        }
        batch.countBlocks(
            row, skips() ? blocks : heads * runs.blocks(position, pages.firstVisible(position)));
      }
    }

    private void read(FlashTile tile, int fromRow, int toRow, int firstHead, int heads) {
      float[] outs = HeapBuffer.floats(outputs.out);
      for (int row = fromRow; row < toRow; row++) {
        int target = HeapBuffer.at(outputs.out, row) + firstHead * pages.headDim;
        for (int h = 0; h < heads; h++) {
          tile.read(tileRow(row - fromRow, h, heads), outs, target + h * pages.headDim);
        }
        if (outputs.logSumExp != null) {
          float[] sums = HeapBuffer.floats(outputs.logSumExp);
          int at = HeapBuffer.at(outputs.logSumExp, row) + firstHead;
          for (int h = 0; h < heads; h++) {
            sums[at + h] = tile.logSumExp(tileRow(row - fromRow, h, heads));
          }
        }
      }
    }

    private static int clamp(int slot) {
      return Math.max(0, Math.min(FlashBlock.SLOTS, slot));
    }

    private void loadQueries(
        FlashTile tile, float[] scaled, int fromRow, int toRow, int firstHead, int heads) {
      float[] queries = HeapBuffer.floats(q);
      int headDim = pages.headDim;
      for (int row = fromRow; row < toRow; row++) {
        for (int h = 0; h < heads; h++) {
          int source = HeapBuffer.at(q, row) + (firstHead + h) * headDim;
          int target = tileRow(row - fromRow, h, heads) * headDim;
          for (int c = 0; c < headDim; c++) {
            scaled[target + c] = scale * queries[source + c];
          }
        }
      }
      tile.load(scaled, tileRow(toRow - fromRow - 1, heads - 1, heads) + 1);
    }
  }
}
