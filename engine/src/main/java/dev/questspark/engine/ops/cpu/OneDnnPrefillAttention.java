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
  private static final int TALL = 64;
  private static final int SHORT = 16;

  private final OneDnn library;
  private final Workers workers;
  private final boolean invariant;
  private final Map<Integer, Tiles> tilesOfHeadDim = new HashMap<>();
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
      if (queries.length < TALL * headDim) {
        queries = new float[TALL * headDim];
        keys = new float[FlashTile.KEY_STRIDE * headDim];
        values = new float[FlashTile.BLOCK * headDim];
      }
    }
  }

  /** The tiles of one worker each; {@code low} are the short ones, if their bits agree. */
  private record Tiles(FlashTile[] tall, FlashTile[] low) {}

  private Tiles tiles(int headDim) {
    return tilesOfHeadDim.computeIfAbsent(
        headDim,
        channels -> {
          FlashTile[] tall = new FlashTile[workers.threads()];
          FlashTile[] low = new FlashTile[workers.threads()];
          Arrays.setAll(tall, i -> new FlashTile(library, TALL, channels));
          Arrays.setAll(low, i -> new FlashTile(library, SHORT, channels));
          return new Tiles(tall, invariant ? proven(tall, low, channels) : low);
        });
  }

  /** Measures that no row's bits depend on its place or on the height of its tile. */
  private static FlashTile[] proven(FlashTile[] tall, FlashTile[] low, int headDim) {
    float[] row = probe(tall[0], 0, headDim);
    for (int place = 1; place < TALL; place++) {
      if (!Arrays.equals(row, probe(tall[0], place, headDim))) {
        throw new IllegalStateException(
            "oneDNN's attention over head_dim "
                + headDim
                + " depends on a row's place; run with batch_invariant=false");
      }
    }
    for (int place = 0; place < SHORT; place++) {
      if (!Arrays.equals(row, probe(low[0], place, headDim))) {
        return tall; // correct, only slower for short spans
      }
    }
    return low;
  }

  /** Two blocks of the same random keys and values, seen by one random query at {@code place}. */
  private static float[] probe(FlashTile tile, int place, int headDim) {
    Random random = new Random(7);
    float[] query = new float[headDim];
    float[] block = new float[FlashTile.BLOCK * headDim];
    for (int i = 0; i < block.length; i++) {
      block[i] = 2 * random.nextFloat() - 1;
      query[i % headDim] = 2 * random.nextFloat() - 1;
    }
    tile.queries().put(place * headDim, query);
    tile.keys().put(0, block);
    tile.values().put(0, block);
    tile.reset();
    tile.fold(false);
    tile.see(place, 3, FlashTile.BLOCK - 5);
    tile.fold(true);
    tile.read(place, query, 0, headDim);
    return query;
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
    Tiles tiles = tiles(pages.headDim);
    for (Scratch each : scratch) {
      each.grow(pages.headDim);
    }
    Call call = new Call(out, q, pages, batch, scale);
    // Groups wider than a tile are cut into slices of heads.
    int heads = Math.min(group, SHORT);
    int slices = (group + heads - 1) / heads;
    int tileRows = TALL / heads;
    for (int span = fromSpan; span < toSpan; span++) {
      int fromRow = host.spanRows()[span];
      int toRow = host.spanRows()[span + 1];
      int count = (toRow - fromRow + tileRows - 1) / tileRows;
      int perTile = pages.kvHeads * slices;
      workers.run(
          count * perTile,
          (long) TALL * FlashTile.BLOCK * pages.headDim,
          (task, worker) -> {
            // The last tile sees most: it goes first, so that no worker ends up with it alone.
            int first = fromRow + (count - 1 - task / perTile) * tileRows;
            int last = Math.min(toRow, first + tileRows);
            int kvHead = task % perTile / slices;
            int slice = task % slices * heads;
            int taken = Math.min(heads, group - slice);
            boolean fits = (last - first) * taken <= SHORT;
            FlashTile tile = (fits ? tiles.low : tiles.tall)[worker];
            int firstHead = kvHead * group + slice;
            call.attend(tile, scratch[worker], first, last, kvHead, firstHead, taken);
          });
    }
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
      tile.reset();
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
        boolean masked = end > firstPosition + 1 || start < pages.firstVisible(lastPosition);
        if (masked) {
          for (int row = fromRow; row < toRow; row++) {
            int first = clamp(pages.firstVisible(batch.position(row)) - start);
            int last = Math.max(first, clamp(batch.position(row) + 1 - start));
            for (int h = 0; h < heads; h++) {
              tile.see((row - fromRow) * heads + h, first, last);
            }
          }
        }
        tile.fold(masked);
      }
      float[] outs = HeapFloats.of(out);
      for (int row = fromRow; row < toRow; row++) {
        int target = HeapFloats.at(out, row) + firstHead * headDim;
        for (int h = 0; h < heads; h++) {
          tile.read((row - fromRow) * heads + h, outs, target + h * headDim, headDim);
        }
      }
    }

    private static int clamp(int slot) {
      return Math.max(0, Math.min(FlashTile.BLOCK, slot));
    }

    private void loadQueries(
        FlashTile tile, float[] scaled, int fromRow, int toRow, int firstHead, int heads) {
      float[] queries = HeapFloats.of(q);
      int floats = heads * pages.headDim;
      for (int row = fromRow; row < toRow; row++) {
        int source = HeapFloats.at(q, row) + firstHead * pages.headDim;
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
