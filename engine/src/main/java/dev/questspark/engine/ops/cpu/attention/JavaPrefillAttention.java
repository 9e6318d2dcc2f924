package dev.questspark.engine.ops.cpu.attention;

import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.pages.CpuBatch;
import dev.questspark.engine.ops.cpu.pages.CpuBlockList;
import dev.questspark.engine.ops.cpu.pages.CpuKvPages;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import dev.questspark.engine.ops.prefill.BlockBudget;
import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.BlockScoring;
import dev.questspark.engine.ops.prefill.Segments;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * attendPrefill in plain Java: one task per (tile of rows, KV head). Each block of places of {@link
 * KeyRuns} is folded into every row of the tile that sees it while its keys are in the first-level
 * cache; each row folds its blocks from the first on, regardless of the tile.
 */
public final class JavaPrefillAttention implements PrefillAttention {
  /** Rows that share one pass over the pages; 16 queries and outputs of 128 channels are 16 KiB. */
  private static final int TILE_ROWS = 16;

  private final Workers workers;
  private final OnlineSoftmax[] softmax;
  private final PageBlock[] blocks;
  private final KeyRuns[] runs;
  private final CpuBlockScores blockScores;

  public JavaPrefillAttention(Workers workers, SimdOps[] simd) {
    this.workers = workers;
    this.softmax = new OnlineSoftmax[workers.threads()];
    this.blocks = new PageBlock[workers.threads()];
    this.runs = new KeyRuns[workers.threads()];
    Arrays.setAll(softmax, i -> new OnlineSoftmax(simd[i]));
    Arrays.setAll(blocks, i -> new PageBlock(simd[i]));
    Arrays.setAll(runs, i -> new KeyRuns());
    this.blockScores = new CpuBlockScores(workers, simd, (own, dtype) -> new JavaKeyProduct(own));
  }

  /** Rows of a tile, all of one span, and of one segment where there are lists. */
  private record Rows(int from, int to, int segment) {}

  /**
   * The arguments of one call of the op.
   *
   * @param logSumExp null if nobody asks
   * @param lists null for dense attention
   * @param logits of the softmax
   */
  private record Call(
      Tensor out,
      Tensor logSumExp,
      Tensor q,
      CpuKvPages pages,
      CpuBatch batch,
      CpuBlockList lists,
      float scale,
      float cap) {

    int group() {
      return q.cols() / pages.headDim / pages.kvHeads;
    }

    /** Tokens of a page that are added at a time: all of them, or as many as a block shares. */
    int unit() {
      int a = pages.pageSize;
      int b = lists == null ? pages.pageSize : lists.segments().shape().block();
      while (b != 0) { // their greatest common divisor
        int rest = a % b;
        a = b;
        b = rest;
      }
      return a;
    }

    /** Places of a block. */
    int places() {
      return PageBlock.fullPages(pages.pageSize) * pages.pageSize;
    }
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
    Call call = call(out, null, q, kv, loaded, null, scale, cap);
    int[] spanRows = loaded.host().spanRows();
    for (int span = fromSpan; span < toSpan; span++) {
      List<Rows> tiles = new ArrayList<>();
      cut(tiles, spanRows[span], spanRows[span + 1], 0);
      run(call, tiles);
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
      float scale,
      float cap) {
    Call call = call(out, logSumExp, q, kv, loaded, list, scale, cap);
    Segments segments = list.segments();
    List<Rows> tiles = new ArrayList<>();
    for (int segment = 0; segment < segments.count(); segment++) {
      cut(tiles, segments.rows()[segment], segments.rows()[segment + 1], segment);
    }
    run(call, tiles);
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
      float scale,
      float cap) {
    CpuBatch batch = CpuBatch.of(loaded);
    CpuKvPages pages = new CpuKvPages(kv);
    int heads = OpArguments.queryHeads(q, kv);
    OpArguments.require("q", q, batch.host().rows(), q.cols());
    OpArguments.require("out", out, batch.host().rows(), q.cols());
    if (logSumExp != null) {
      OpArguments.require("logSumExp", logSumExp, batch.host().rows(), heads);
    }
    CpuBlockList lists = list == null ? null : CpuBlockList.of(list, pages.kvHeads);
    return new Call(out, logSumExp, q, pages, batch, lists, scale, cap);
  }

  private static void cut(List<Rows> tiles, int from, int to, int segment) {
    for (int row = from; row < to; row += TILE_ROWS) {
      tiles.add(new Rows(row, Math.min(to, row + TILE_ROWS), segment));
    }
  }

  private void run(Call call, List<Rows> tiles) {
    int kvHeads = call.pages.kvHeads;
    workers.run(
        tiles.size() * kvHeads,
        64L * TILE_ROWS * call.pages.pageFloats(),
        (task, worker) -> {
          // The last tile sees most: it goes first, so that no worker ends up with it alone.
          Rows rows = tiles.get(tiles.size() - 1 - task / kvHeads);
          attend(call, rows, task % kvHeads, worker);
        });
  }

  private void attend(Call call, Rows rows, int head, int worker) {
    CpuKvPages pages = call.pages;
    CpuBatch batch = call.batch;
    OnlineSoftmax states = softmax[worker];
    KeyRuns keys = runs[worker];
    int group = call.group();
    int channel = head * group * pages.headDim;
    float[] outs = HeapBuffer.floats(call.out);
    for (int row = rows.from; row < rows.to; row++) {
      int target = HeapBuffer.at(call.out, row) + channel;
      Arrays.fill(outs, target, target + group * pages.headDim, 0f);
    }
    states.reset((rows.to - rows.from) * group);
    int unit = call.unit();
    int fold = call.places();
    int firstSeen = pages.firstVisible(batch.position(rows.from));
    int lastPosition = batch.position(rows.to - 1);
    if (call.lists == null) {
      keys.whole(firstSeen / unit * unit, lastPosition + 1);
    } else {
      keys.of(call.lists, rows.segment, head, pages, fold);
      for (int row = rows.from; row < rows.to; row++) {
        int position = batch.position(row);
        batch.countBlocks(row, keys.blocks(position, pages.firstVisible(position)));
      }
    }
    int firstPlace = keys.placeOf(firstSeen) / unit * unit;
    int endPlace = keys.placeOf(lastPosition) + 1;
    for (int at = firstPlace / fold * fold; at < endPlace; at += fold) {
      int from = Math.max(at, firstPlace);
      load(blocks[worker], call, keys, rows.from, head, from, Math.min(at + fold, endPlace));
      foldBlock(call, rows, head, worker, at, Math.min(at + fold, endPlace));
    }
    for (int state = 0; state < (rows.to - rows.from) * group; state++) {
      int row = rows.from + state / group;
      int query = state % group;
      int target = HeapBuffer.at(call.out, row) + channel + query * pages.headDim;
      float logSum = states.finish(state, outs, target, pages.headDim);
      if (call.logSumExp != null) {
        int at = HeapBuffer.at(call.logSumExp, row) + head * group + query;
        HeapBuffer.floats(call.logSumExp)[at] = logSum;
      }
    }
  }

  /** Brings the keys at places [from, to) of one block, by whole units. */
  private static void load(
      PageBlock block, Call call, KeyRuns keys, int row, int head, int from, int to) {
    int unit = call.unit();
    block.clear(call.pages, unit, from % call.places() / unit);
    for (int place = from; place < to; place += unit) {
      int position = keys.positionAt(place);
      block.add(call.batch.page(row, position / call.pages.pageSize), head, position);
    }
    block.load();
  }

  /** Folds the block of places [from, to) into every row that sees some of it. */
  private void foldBlock(Call call, Rows rows, int head, int worker, int from, int to) {
    CpuKvPages pages = call.pages;
    KeyRuns keys = runs[worker];
    int group = call.group();
    int channel = head * group * pages.headDim;
    for (int row = rows.from; row < rows.to; row++) {
      int position = call.batch.position(row);
      int firstVisible = pages.firstVisible(position);
      if (keys.placeOf(position) < from || keys.placeOf(firstVisible) >= to) {
        continue;
      }
      softmax[worker].fold(
          (row - rows.from) * group,
          group,
          HeapBuffer.floats(call.q),
          HeapBuffer.at(call.q, row) + channel,
          HeapBuffer.floats(call.out),
          HeapBuffer.at(call.out, row) + channel,
          blocks[worker],
          firstVisible,
          position,
          call.scale,
          call.cap);
    }
  }
}
