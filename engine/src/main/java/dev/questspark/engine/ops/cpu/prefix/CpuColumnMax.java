package dev.questspark.engine.ops.cpu.prefix;

import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.attention.SoftCap;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.pages.CpuBatch;
import dev.questspark.engine.ops.cpu.pages.CpuKvPages;
import dev.questspark.engine.ops.cpu.simd.SimdOps;

/**
 * columnMax: a task is some rows of one KV head, whose maxima are then joined. A maximum knows no
 * order, so nothing depends on how rows are cut.
 */
final class CpuColumnMax {
  /** Rows of a task. */
  private static final int ROWS = 64;

  /** Rows whose products are computed together: enough query heads to keep registers busy. */
  private static final int TOGETHER = 4;

  private final Workers workers;
  private final SimdOps[] simd;

  CpuColumnMax(Workers workers, SimdOps[] simd) {
    this.workers = workers;
    this.simd = simd;
  }

  void columnMax(
      Tensor scores,
      Tensor q,
      KvLayer kv,
      LoadedBatch loaded,
      RowRange rows,
      int first,
      RowRange chunk,
      int ownFrom,
      float scale,
      float cap) {
    CpuBatch batch = CpuBatch.of(loaded, rows);
    CpuKvPages pages = new CpuKvPages(kv);
    int group = OpArguments.queryHeadsPerKvHead(q, kv);
    OpArguments.require("q", q, rows.to(), q.cols());
    OpArguments.require("scores", scores, pages.kvHeads, scores.cols());
    if (first > chunk.from() || chunk.to() > ownFrom || chunk.count() > scores.cols()) {
      throw new IllegalArgumentException(
          "the first " + first + " keys, a chunk at " + chunk + " and own keys from " + ownFrom);
    }
    int parts = (rows.count() + ROWS - 1) / ROWS;
    float[][] most = new float[parts * pages.kvHeads][];
    workers.run(
        most.length,
        2L * ROWS * group * chunk.count() * pages.headDim,
        (task, worker) -> {
          int from = rows.from() + task % parts * ROWS;
          RowRange some = new RowRange(from, Math.min(rows.to(), from + ROWS));
          int head = task / parts;
          int end = ownFrom;
          for (int row = some.from(); row < some.to(); row++) {
            end = Math.max(end, batch.position(row) + 1);
          }
          Keys keys = new Keys(pages, batch, some.from(), head, first, chunk, ownFrom, end);
          keys.load(simd[worker]);
          most[task] = new float[chunk.count()];
          for (int row = some.from(); row < some.to(); row += TOGETHER) {
            int count = Math.min(TOGETHER, some.to() - row);
            keys.raise(most[task], q, row, count, group, scale, cap, simd[worker]);
          }
        });
    for (int task = 0; task < most.length; task++) {
      int at = HeapBuffer.at(scores, task / parts);
      float[] target = HeapBuffer.floats(scores);
      for (int i = 0; i < chunk.count(); i++) {
        target[at + i] = Math.max(target[at + i], most[task][i]);
      }
    }
  }

  /** The keys of one KV head that count, back to back: the first ones, the chunk, the own ones. */
  private static final class Keys {
    /** Keys of a tile, (headDim, TILE). */
    private static final int TILE = 64;

    private final CpuKvPages pages;
    private final CpuBatch batch;
    private final int row;
    private final int head;
    private final int first;
    private final RowRange chunk;
    private final int ownFrom;
    private final int count;
    private final float[] tiles;
    private float[] weights = new float[0]; // (TOGETHER, G, keys)
    private float[] queries = new float[0]; // (TOGETHER, G, D)

    Keys(
        CpuKvPages pages,
        CpuBatch batch,
        int row,
        int head,
        int first,
        RowRange chunk,
        int ownFrom,
        int end) {
      this.pages = pages;
      this.batch = batch;
      this.row = row;
      this.head = head;
      this.first = first;
      this.chunk = chunk;
      this.ownFrom = ownFrom;
      this.count = first + chunk.count() + end - ownFrom;
      this.tiles = new float[(count + TILE - 1) / TILE * TILE * pages.headDim];
    }

    void load(SimdOps simd) {
      for (int i = 0; i < count; i++) {
        int position =
            i < first
                ? i
                : i < first + chunk.count()
                    ? chunk.from() + i - first
                    : ownFrom + i - first - chunk.count();
        pages.readKey(
            batch.page(row, position / pages.pageSize),
            head,
            position % pages.pageSize,
            tiles,
            i / TILE * TILE * pages.headDim + i % TILE,
            TILE);
      }
    }

    /** Raises the maxima by what the query heads of consecutive rows give the chunk. */
    void raise(
        float[] most,
        Tensor q,
        int firstRow,
        int rows,
        int group,
        float scale,
        float cap,
        SimdOps simd) {
      int width = group * pages.headDim;
      int behind = first + chunk.count() + 1 - ownFrom; // with a position: the keys its row sees
      int needed = (behind + batch.position(firstRow + rows - 1) + TILE - 1) / TILE;
      int stride = needed * TILE;
      if (queries.length < TOGETHER * width) {
        queries = new float[TOGETHER * width];
      }
      if (weights.length < TOGETHER * group * stride) {
        weights = new float[TOGETHER * group * (count + TILE)];
      }
      for (int i = 0; i < rows; i++) {
        int at = HeapBuffer.at(q, firstRow + i) + head * width;
        System.arraycopy(HeapBuffer.floats(q), at, queries, i * width, width);
      }
      simd.tileLogits(
          weights,
          0,
          stride,
          queries,
          0,
          rows * group,
          tiles,
          0,
          pages.headDim,
          TILE,
          needed,
          scale);
      for (int i = 0; i < rows * group; i++) {
        int at = i * stride;
        int seen = behind + batch.position(firstRow + i / group);
        if (cap != 0) {
          SoftCap.apply(weights, at, seen, cap);
        }
        float largest = simd.max(weights, at, seen);
        float share = 1 / simd.exponentiate(weights, at, seen, largest);
        for (int key = 0; key < most.length; key++) {
          most[key] = Math.max(most[key], share * weights[at + first + key]);
        }
      }
    }
  }
}
