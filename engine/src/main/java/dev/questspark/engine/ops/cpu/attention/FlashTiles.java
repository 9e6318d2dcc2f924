package dev.questspark.engine.ops.cpu.attention;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.cpu.onednn.OneDnn;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Each worker's tile and its room for queries, by the dtype and width of keys. */
final class FlashTiles {
  private final OneDnn library;
  private final boolean invariant;
  private final SimdOps[] simd; // of each worker
  private final Map<TileShape, FlashTile[]> tilesOfShape = new HashMap<>();
  private final float[][] queries; // of each worker

  /**
   * @param simd one per worker
   * @param invariant multiply only in heights that give a row the same bits
   */
  FlashTiles(OneDnn library, SimdOps[] simd, boolean invariant) {
    this.library = library;
    this.simd = simd;
    this.invariant = invariant;
    this.queries = new float[simd.length][0];
  }

  /** What the tiles of a call have in common. */
  private record TileShape(DType dtype, int headDim) {}

  /** One tile per worker. */
  FlashTile[] of(DType dtype, int headDim) {
    TileShape shape = new TileShape(dtype, headDim);
    return tilesOfShape.computeIfAbsent(
        shape,
        s -> {
          FlashTile[] tiles = new FlashTile[simd.length];
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
  float[] queries(int worker, int headDim) {
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
}
