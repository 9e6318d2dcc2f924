package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.Tensor;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;

/**
 * attendPrefill on oneDNN: one task per (tile of rows, KV head). A tile stacks the group's query
 * heads of consecutive rows, so that all of them share each block of keys. Blocks start at
 * multiples of {@link FlashTile#BLOCK} from position 0 on, wherever a chunk begins, so that a row
 * adds up its keys in one order however its sequence was cut.
 */
final class OneDnnPrefillAttention implements PrefillAttention {
  /** Rows of queries that are still worth bringing a block of keys for. */
  private static final int FEWEST_ROWS = FlashTile.TALL;

  private final OneDnn library;
  private final Workers workers;
  private final boolean invariant;
  private final Map<Integer, FlashTile[]> tilesOfHeadDim = new HashMap<>();
  private final Scratch[] scratch;

  OneDnnPrefillAttention(OneDnn library, Workers workers, Loops[] loops, boolean invariant) {
    this.library = library;
    this.workers = workers;
    this.invariant = invariant;
    this.scratch = new Scratch[workers.threads()];
    Arrays.setAll(scratch, i -> new Scratch(loops[i]));
  }

  /** What one worker gathers on the heap before it goes to native memory in one piece. */
  private static final class Scratch {
    final Loops loops;
    float[] queries = new float[0];
    float[] keys = new float[0];
    float[] values = new float[0];

    Scratch(Loops loops) {
      this.loops = loops;
    }

    void grow(int headDim) {
      if (queries.length < FlashTile.ROWS * headDim) {
        queries = new float[FlashTile.ROWS * headDim];
        keys = new float[FlashTile.KEY_STRIDE * headDim];
        values = new float[FlashTile.BLOCK * headDim];
      }
    }
  }

  /** One tile per worker. */
  private FlashTile[] tiles(int headDim) {
    return tilesOfHeadDim.computeIfAbsent(
        headDim,
        channels -> {
          FlashTile[] tiles = new FlashTile[workers.threads()];
          Arrays.setAll(tiles, i -> new FlashTile(library, scratch[i].loops, channels));
          if (invariant && !equalBits(tiles[0], channels)) {
            Arrays.stream(tiles).forEach(FlashTile::avoidLowSlices);
          }
          return tiles;
        });
  }

  /**
   * Measures that no row's bits depend on its place, nor on the height of its slice.
   *
   * @return false if they depend on the height alone
   */
  private static boolean equalBits(FlashTile tile, int headDim) {
    float[] row = new float[headDim];
    float[] other = new float[headDim];
    Probe probe = new Probe(tile, headDim);
    probe.run(FlashTile.ROWS);
    tile.read(0, row, 0);
    for (int place = 1; place < FlashTile.ROWS; place++) {
      tile.read(place, other, 0);
      if (!Arrays.equals(row, other)) {
        throw new IllegalStateException(
            "oneDNN's attention over head_dim "
                + headDim
                + " depends on a row's place; run with batch_invariant=false");
      }
    }
    int few = FlashTile.TALL - 1; // all of them in low slices
    probe.run(few);
    for (int place = 0; place < few; place++) {
      tile.read(place, other, 0);
      if (!Arrays.equals(row, other)) {
        return false;
      }
    }
    return true;
  }

  /** Two blocks of the same random keys and values, seen by one random query at every place. */
  private static final class Probe {
    private final FlashTile tile;

    Probe(FlashTile tile, int headDim) {
      this.tile = tile;
      Random random = new Random(7);
      float[] query = new float[headDim];
      float[] block = new float[FlashTile.BLOCK * headDim];
      for (int i = 0; i < block.length; i++) {
        block[i] = 2 * random.nextFloat() - 1;
        query[i % headDim] = 2 * random.nextFloat() - 1;
      }
      for (int place = 0; place < FlashTile.ROWS; place++) {
        tile.queries().put(place * headDim, query);
      }
      tile.keys().put(0, block);
      tile.values().put(0, block);
    }

    void run(int rows) {
      tile.reset(rows);
      see(rows, 0, FlashTile.BLOCK);
      tile.fold(rows);
      see(rows, 3, FlashTile.BLOCK - 5);
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
      Tensor out, Tensor q, KvLayer kv, LoadedBatch loaded, int fromSpan, int toSpan, float scale) {
    CpuBatch batch = CpuBatch.of(loaded);
    CpuKvPages pages = new CpuKvPages(kv);
    int group = Shapes.queryHeads(q, kv) / pages.kvHeads;
    RaggedBatch host = batch.host();
    Shapes.require("q", q, host.rows(), q.cols());
    Shapes.require("out", out, host.rows(), q.cols());
    FlashTile[] tiles = tiles(pages.headDim);
    for (Scratch each : scratch) {
      each.grow(pages.headDim);
    }
    Call call = new Call(out, q, pages, batch, scale);
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
          (long) tileRows * heads * FlashTile.BLOCK * pages.headDim,
          (task, worker) -> {
            // The last tile sees most: it goes first, so that no worker ends up with it alone.
            int first = fromRow + (count - 1 - task / perTile) * tileRows;
            int last = Math.min(toRow, first + tileRows);
            int kvHead = task % perTile / slices;
            int slice = task % slices * heads;
            int taken = Math.min(heads, group - slice);
            int firstHead = kvHead * group + slice;
            call.attend(tiles[worker], scratch[worker], first, last, kvHead, firstHead, taken);
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

  /** The arguments of one call of the verb. */
  private record Call(Tensor out, Tensor q, CpuKvPages pages, CpuBatch batch, float scale) {

    /** Rows [fromRow, toRow) of one span, query heads [firstHead, firstHead + heads). */
    void attend(
        FlashTile tile,
        Scratch scratch,
        int fromRow,
        int toRow,
        int kvHead,
        int firstHead,
        int heads) {
      int headDim = pages.headDim;
      loadQueries(tile, scratch.queries, fromRow, toRow, firstHead, heads);
      int tileRows = (toRow - fromRow) * heads;
      tile.reset(tileRows);
      int firstPosition = batch.position(fromRow);
      int lastPosition = batch.position(toRow - 1);
      int firstSeen = pages.firstVisible(firstPosition);
      int firstBlock = firstSeen / FlashTile.BLOCK * FlashTile.BLOCK;
      for (int start = firstBlock; start <= lastPosition; start += FlashTile.BLOCK) {
        int end = start + FlashTile.BLOCK;
        loadBlock(
            tile,
            scratch,
            fromRow,
            kvHead,
            start,
            Math.max(start, firstSeen),
            Math.min(end, lastPosition + 1));
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
      return Math.max(0, Math.min(FlashTile.BLOCK, slot));
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
      tile.queries().put(0, scaled, 0, (toRow - fromRow) * floats);
    }

    /** Copies the keys and values at positions [first, last) of a block; zeros elsewhere. */
    private void loadBlock(
        FlashTile tile, Scratch to, int row, int kvHead, int start, int first, int last) {
      int headDim = pages.headDim;
      int floats = FlashTile.BLOCK * headDim;
      float[] values = pages.valueFloats();
      if (last - first < FlashTile.BLOCK) {
        Arrays.fill(to.keys, 0f);
        Arrays.fill(to.values, 0, floats, 0f);
        tile.values().put(0, to.values, 0, floats);
      }
      for (int at = first; at < last; ) {
        int slot = at % pages.pageSize;
        int tokens = Math.min(pages.pageSize - slot, last - at);
        int page = batch.page(row, at / pages.pageSize);
        int key = pages.keyAt(page, kvHead) + slot;
        pages.readChannels(key, to.keys, at - start, FlashTile.KEY_STRIDE, tokens, to.loops);
        int value = pages.valueAt(page, kvHead) + slot * headDim;
        int target = (at - start) * headDim;
        if (values == null) {
          pages.readValues(value, to.values, target, tokens * headDim, to.loops);
        } else { // they stand in the tile's order: no stop on the heap
          tile.values().put(target, values, value, tokens * headDim);
        }
        at += tokens;
      }
      tile.keys().put(0, to.keys, 0, FlashTile.KEY_STRIDE * headDim);
      if (values == null) {
        tile.values().put(0, to.values, 0, floats);
      }
    }
  }
}
