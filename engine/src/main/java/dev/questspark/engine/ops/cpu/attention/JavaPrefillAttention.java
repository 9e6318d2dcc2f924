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
import dev.questspark.engine.ops.prefill.TileSkipping;
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

  /**
   * The arguments of one call of the op.
   *
   * @param logSumExp null if nobody asks
   * @param lists null for dense attention
   * @param skipping tiles that are left out
   */
  private record Call(
      Tensor out,
      Tensor logSumExp,
      Tensor q,
      CpuKvPages pages,
      CpuBatch batch,
      CpuBlockList lists,
      TileSkipping skipping,
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

    /** Places that are folded together. */
    int places() {
      return PageBlock.fullPages(pages.pageSize) * pages.pageSize;
    }

    int tileRows() {
      return skipping.any() ? TileSkipping.ROWS : TILE_ROWS;
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
    Call call = call(out, null, q, kv, loaded, null, TileSkipping.NONE, scale, cap);
    int[] spanRows = loaded.host().spanRows();
    for (int span = fromSpan; span < toSpan; span++) {
      run(call, TileRows.ofSpan(spanRows, span, TILE_ROWS));
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
    run(call, TileRows.ofSegments(list.segments(), call.tileRows()));
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
    int heads = OpArguments.queryHeads(q, kv);
    OpArguments.require("q", q, batch.host().rows(), q.cols());
    OpArguments.require("out", out, batch.host().rows(), q.cols());
    if (logSumExp != null) {
      OpArguments.require("logSumExp", logSumExp, batch.host().rows(), heads);
    }
    CpuBlockList lists = list == null ? null : CpuBlockList.of(list, pages.kvHeads);
    Call call = new Call(out, logSumExp, q, pages, batch, lists, skipping, scale, cap);
    if (skipping.any() && call.places() % TileSkipping.KEYS != 0) {
      throw new IllegalArgumentException(
          "pages of "
              + pages.pageSize
              + " tokens are folded "
              + call.places()
              + " at a time, which is no multiple of "
              + TileSkipping.KEYS);
    }
    return call;
  }

  private void run(Call call, List<TileRows> tiles) {
    int kvHeads = call.pages.kvHeads;
    workers.run(
        tiles.size() * kvHeads,
        64L * TILE_ROWS * call.pages.pageFloats(),
        (task, worker) -> {
          // The last tile sees most: it goes first, so that no worker ends up with it alone.
          TileRows rows = tiles.get(tiles.size() - 1 - task / kvHeads);
          attend(call, rows, task % kvHeads, worker);
        });
  }

  private void attend(Call call, TileRows rows, int head, int worker) {
    CpuKvPages pages = call.pages;
    CpuBatch batch = call.batch;
    OnlineSoftmax states = softmax[worker];
    KeyRuns keys = runs[worker];
    int group = call.group();
    int channel = head * group * pages.headDim;
    float[] outs = HeapBuffer.floats(call.out);
    for (int row = rows.from(); row < rows.to(); row++) {
      int target = HeapBuffer.at(call.out, row) + channel;
      Arrays.fill(outs, target, target + group * pages.headDim, 0f);
    }
    states.reset(rows.count() * group);
    int unit = call.unit();
    int fold = call.places();
    int firstSeen = pages.firstVisible(batch.position(rows.from()));
    int lastPosition = batch.position(rows.to() - 1);
    if (call.lists == null) {
      keys.whole(firstSeen / unit * unit, lastPosition + 1);
    } else {
      keys.of(call.lists, rows.segment(), head, pages, fold);
      for (int row = rows.from(); !call.skipping.any() && row < rows.to(); row++) {
        int position = batch.position(row);
        batch.countBlocks(row, group * keys.blocks(position, pages.firstVisible(position)));
      }
    }
    int firstPlace = keys.placeOf(firstSeen) / unit * unit;
    int endPlace = keys.placeOf(lastPosition) + 1;
    for (int at = firstPlace / fold * fold; at < endPlace; at += fold) {
      int from = Math.max(at, firstPlace);
      load(blocks[worker], call, keys, rows.from(), head, from, Math.min(at + fold, endPlace));
      int to = Math.min(at + fold, endPlace);
      boolean[][] kept = call.skipping.any() ? kept(call, rows, head, worker, at, to) : null;
      foldBlock(call, rows, head, worker, at, to, kept);
    }
    for (int state = 0; state < rows.count() * group; state++) {
      int row = rows.from() + state / group;
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

  /**
   * The tiles of {@link TileSkipping} in the block of places [from, to) that are not left out, by
   * query head.
   */
  private boolean[][] kept(Call call, TileRows rows, int head, int worker, int from, int to) {
    OnlineSoftmax states = softmax[worker];
    int group = call.group();
    boolean[][] kept = new boolean[group][call.places() / TileSkipping.KEYS];
    for (int row = rows.from(); row < rows.to(); row++) {
      if (!logits(call, row, head, worker, from, to)) {
        continue;
      }
      for (int g = 0; g < group; g++) {
        float before = states.max((row - rows.from()) * group + g);
        for (int tile = 0; tile < kept[g].length; tile++) {
          float largest =
              states.largest(g, tile * TileSkipping.KEYS, (tile + 1) * TileSkipping.KEYS);
          if (largest > Float.NEGATIVE_INFINITY) {
            kept[g][tile] |= !(largest - before < call.skipping.margin());
            before = Math.max(before, largest);
          }
        }
      }
    }
    return kept;
  }

  /**
   * The logits of a row's heads against the block of places [from, to).
   *
   * @return whether the row sees some of it
   */
  private boolean logits(Call call, int row, int head, int worker, int from, int to) {
    int position = call.batch.position(row);
    int firstVisible = call.pages.firstVisible(position);
    KeyRuns keys = runs[worker];
    if (keys.placeOf(position) < from || keys.placeOf(firstVisible) >= to) {
      return false;
    }
    softmax[worker].logits(
        call.group(),
        HeapBuffer.floats(call.q),
        HeapBuffer.at(call.q, row) + head * call.group() * call.pages.headDim,
        blocks[worker],
        firstVisible,
        position,
        call.scale,
        call.cap);
    return true;
  }

  /**
   * Folds the block of places [from, to) into every row that sees some of it.
   *
   * @param kept tiles of each head that are not left out; null if none is
   */
  private void foldBlock(
      Call call, TileRows rows, int head, int worker, int from, int to, boolean[][] kept) {
    int group = call.group();
    int channel = head * group * call.pages.headDim;
    for (int row = rows.from(); row < rows.to(); row++) {
      if (!logits(call, row, head, worker, from, to)) {
        continue;
      }
      if (kept != null) {
        leaveOut(call, row, worker, from, to, kept);
      }
      int position = call.batch.position(row);
      softmax[worker].add(
          (row - rows.from()) * group,
          group,
          HeapBuffer.floats(call.out),
          HeapBuffer.at(call.out, row) + channel,
          blocks[worker],
          call.pages.firstVisible(position),
          position);
    }
  }

  /** Leaves out what a row's heads do not keep, and counts the key blocks that they do. */
  private void leaveOut(Call call, int row, int worker, int from, int to, boolean[][] kept) {
    int position = call.batch.position(row);
    int first = runs[worker].placeOf(call.pages.firstVisible(position)) - from;
    int last = Math.min(to, runs[worker].placeOf(position) + 1) - from;
    int block = call.lists.segments().shape().block();
    int computed = 0;
    for (int g = 0; g < kept.length; g++) {
      for (int tile = 0; tile < kept[g].length; tile++) {
        int start = Math.max(first, tile * TileSkipping.KEYS);
        int end = Math.min(last, (tile + 1) * TileSkipping.KEYS);
        if (!kept[g][tile]) {
          softmax[worker].leaveOut(g, tile * TileSkipping.KEYS, (tile + 1) * TileSkipping.KEYS);
        } else if (start < end) {
          computed += (end - 1) / block - start / block + 1;
        }
      }
    }
    call.batch.countBlocks(row, computed);
  }
}
