package dev.questspark.engine.ops.cpu.attention;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.onednn.OneDnn;
import dev.questspark.engine.ops.cpu.pages.CpuBatch;
import dev.questspark.engine.ops.cpu.pages.CpuKvPages;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * attendPrefill on oneDNN: one task per (tile of rows, KV head). A tile stacks the group's query
 * heads of consecutive rows, so that all of them share each block of keys. Blocks start at
 * multiples of {@link FlashBlock#SLOTS} from position 0 on, wherever a chunk begins, so that a row
 * adds up its keys in one order however its sequence was cut.
 */
public final class OneDnnPrefillAttention implements PrefillAttention {
  /** Rows of queries that are still worth bringing a block of keys for. */
  private static final int FEWEST_ROWS = 64;

  private final OneDnn library;
  private final Workers workers;
  private final boolean invariant;
  private final SimdOps[] simd;
  private final Map<TileShape, FlashTile[]> tilesOfShape = new HashMap<>();
  private final float[][] queries; // of each worker

  public OneDnnPrefillAttention(
      OneDnn library, Workers workers, SimdOps[] simd, boolean invariant) {
    this.library = library;
    this.workers = workers;
    this.invariant = invariant;
    this.simd = simd;
    this.queries = new float[workers.threads()][0];
  }

  /** What the tiles of a call have in common. */
  private record TileShape(DType dtype, int headDim) {}

  /** One tile per worker. */
  private FlashTile[] tiles(TileShape shape) {
    return tilesOfShape.computeIfAbsent(
        shape,
        s -> {
          FlashTile[] tiles = new FlashTile[workers.threads()];
          Arrays.setAll(
              tiles,
              i -> {
                FlashBlock block = new FlashBlock(s.dtype, s.headDim, simd[i]);
                return new FlashTile(library, simd[i], block);
              });
          if (invariant) {
            for (int height : unequalHeights(tiles[0], s)) {
              Arrays.stream(tiles).forEach(tile -> tile.drop(height));
            }
          }
          return tiles;
        });
  }

  /** Room for one tile's queries, scaled, of the worker that asks. */
  private float[] queries(int worker, int headDim) {
    if (queries[worker].length < FlashTile.ROWS * headDim) {
      queries[worker] = new float[FlashTile.ROWS * headDim];
    }
    return queries[worker];
  }

  /** Measures that no row's bits depend on its place, and on which heights they depend. */
  private static List<Integer> unequalHeights(FlashTile tile, TileShape shape) {
    float[][] expected = new float[Probe.QUERIES][shape.headDim];
    float[] row = new float[shape.headDim];
    Probe probe = new Probe(tile, shape);
    List<Integer> unequal = new ArrayList<>();
    for (int height : FlashTile.HEIGHTS) {
      probe.run(height);
      if (height == FlashTile.ROWS) {
        for (int query = 0; query < Probe.QUERIES; query++) {
          tile.read(query, expected[query], 0);
        }
      }
      for (int place = 0; place < height; place++) {
        tile.read(place, row, 0);
        if (!Arrays.equals(row, expected[place % Probe.QUERIES])) {
          unequal.add(height);
          break;
        }
      }
    }
    if (unequal.contains(FlashTile.ROWS)) {
      throw new IllegalStateException(
          "oneDNN's attention over head_dim "
              + shape.headDim
              + " in "
              + shape.dtype
              + " depends on a row's place; run with batch_invariant=false");
    }
    return unequal;
  }

  /** Two blocks of the same random keys and values, seen by a few random queries in turns. */
  private static final class Probe {
    /** No height is a multiple of it: each query comes to stand at every kind of place. */
    static final int QUERIES = 7;

    private final FlashTile tile;

    Probe(FlashTile tile, TileShape shape) {
      this.tile = tile;
      Random random = new Random(7);
      float[] queries = new float[FlashTile.ROWS * shape.headDim];
      int drawn = QUERIES * shape.headDim;
      for (int i = 0; i < queries.length; i++) {
        queries[i] = i < drawn ? 2 * random.nextFloat() - 1 : queries[i - drawn];
      }
      tile.load(queries, FlashTile.ROWS);
      float[] floats = new float[FlashBlock.SLOTS * shape.headDim];
      short[] bits = new short[floats.length];
      for (int i = 0; i < floats.length; i++) {
        floats[i] = 2 * random.nextFloat() - 1;
        bits[i] = DType.floatToBf16(floats[i]);
      }
      Object block = shape.dtype == DType.F32 ? floats : bits;
      tile.block().fill(block, block);
    }

    void run(int rows) {
      tile.reset(rows, 0);
      see(rows, 0, FlashBlock.SLOTS);
      tile.fold(rows);
      see(rows, 3, FlashBlock.SLOTS - 5);
      tile.fold(rows);
    }

    private void see(int rows, int first, int last) {
      for (int row = 0; row < rows; row++) {
        tile.see(row, first, last);
      }
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
    CpuBatch batch = CpuBatch.of(loaded);
    CpuKvPages pages = new CpuKvPages(kv);
    int group = OpArguments.queryHeadsPerKvHead(q, kv);
    RaggedBatch host = batch.host();
    OpArguments.require("q", q, host.rows(), q.cols());
    OpArguments.require("out", out, host.rows(), q.cols());
    FlashTile[] tiles = tiles(new TileShape(pages.dtype(), pages.headDim));
    Call call = new Call(out, q, pages, batch, scale, cap);
    // Groups wider than a tile are cut into slices of heads.
    int heads = Math.min(group, FlashTile.ROWS);
    int slices = (group + heads - 1) / heads;
    int perTile = pages.kvHeads * slices;
    for (int span = fromSpan; span < toSpan; span++) {
      int fromRow = host.spanRows()[span];
      int toRow = host.spanRows()[span + 1];
      int tileRows = tileRows(toRow - fromRow, heads, perTile);
      int count = (toRow - fromRow + tileRows - 1) / tileRows;
      workers.run(
          count * perTile,
          (long) tileRows * heads * FlashBlock.SLOTS * pages.headDim,
          (task, worker) -> {
            // The last tile sees most: it goes first, so that no worker ends up with it alone.
            int first = fromRow + (count - 1 - task / perTile) * tileRows;
            int last = Math.min(toRow, first + tileRows);
            int kvHead = task % perTile / slices;
            int slice = task % slices * heads;
            int taken = Math.min(heads, group - slice);
            int firstHead = kvHead * group + slice;
            float[] scaled = queries(worker, pages.headDim);
            call.attend(tiles[worker], scaled, first, last, kvHead, firstHead, taken);
          });
    }
  }

  /** The most rows of a span that fit into a tile and leave every worker something to do. */
  private int tileRows(int rows, int heads, int tasksPerTile) {
    int tileRows = FlashTile.ROWS / heads;
    while (tileRows * heads > FEWEST_ROWS
        && tileRows > 1
        && (rows + tileRows - 1) / tileRows * tasksPerTile < 2 * workers.threads()) {
      tileRows /= 2;
    }
    return tileRows;
  }

  /** The arguments of one call of the op. */
  private record Call(
      Tensor out, Tensor q, CpuKvPages pages, CpuBatch batch, float scale, float cap) {

    /** Rows [fromRow, toRow) of one span, query heads [firstHead, firstHead + heads). */
    void attend(
        FlashTile tile,
        float[] scaled,
        int fromRow,
        int toRow,
        int kvHead,
        int firstHead,
        int heads) {
      int headDim = pages.headDim;
      loadQueries(tile, scaled, fromRow, toRow, firstHead, heads);
      int tileRows = (toRow - fromRow) * heads;
      tile.reset(tileRows, cap);
      int firstPosition = batch.position(fromRow);
      int lastPosition = batch.position(toRow - 1);
      int firstSeen = pages.firstVisible(firstPosition);
      int firstBlock = firstSeen / FlashBlock.SLOTS * FlashBlock.SLOTS;
      for (int start = firstBlock; start <= lastPosition; start += FlashBlock.SLOTS) {
        int end = start + FlashBlock.SLOTS;
        int from = Math.max(start, firstSeen);
        int to = Math.min(end, lastPosition + 1);
        tile.block().load(pages, batch, fromRow, kvHead, start, from, to);
        for (int row = fromRow; row < toRow; row++) {
          int first = clamp(pages.firstVisible(batch.position(row)) - start);
          int last = Math.max(first, clamp(batch.position(row) + 1 - start));
          for (int h = 0; h < heads; h++) {
            tile.see((row - fromRow) * heads + h, first, last);
          }
        }
        tile.fold(tileRows);
      }
      float[] outs = HeapBuffer.floats(out);
      for (int row = fromRow; row < toRow; row++) {
        int target = HeapBuffer.at(out, row) + firstHead * headDim;
        for (int h = 0; h < heads; h++) {
          tile.read((row - fromRow) * heads + h, outs, target + h * headDim);
        }
      }
    }

    private static int clamp(int slot) {
      return Math.max(0, Math.min(FlashBlock.SLOTS, slot));
    }

    private void loadQueries(
        FlashTile tile, float[] scaled, int fromRow, int toRow, int firstHead, int heads) {
      float[] queries = HeapBuffer.floats(q);
      int floats = heads * pages.headDim;
      for (int row = fromRow; row < toRow; row++) {
        int source = HeapBuffer.at(q, row) + firstHead * pages.headDim;
        int target = (row - fromRow) * floats;
        for (int i = 0; i < floats; i++) {
          scaled[target + i] = scale * queries[source + i];
        }
      }
      tile.load(scaled, (toRow - fromRow) * heads);
    }
  }
}
