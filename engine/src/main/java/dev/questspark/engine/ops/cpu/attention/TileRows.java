package dev.questspark.engine.ops.cpu.attention;

import dev.questspark.engine.ops.prefill.Segments;
import java.util.ArrayList;
import java.util.List;

/**
 * Rows [from, to) of a tile: all of one span, and of one segment where there are lists.
 *
 * @param segment 0 where there are none
 */
record TileRows(int from, int to, int segment) {

  /** Tiles of at most {@code most} rows of a span. */
  static List<TileRows> ofSpan(int[] spanRows, int span, int most) {
    List<TileRows> tiles = new ArrayList<>();
    cut(tiles, spanRows[span], spanRows[span + 1], 0, most);
    return tiles;
  }

  /** Tiles of at most {@code most} rows, which end where their segments do. */
  static List<TileRows> ofSegments(Segments segments, int most) {
    List<TileRows> tiles = new ArrayList<>();
    for (int segment = 0; segment < segments.count(); segment++) {
      cut(tiles, segments.rows()[segment], segments.rows()[segment + 1], segment, most);
    }
    return tiles;
  }

  private static void cut(List<TileRows> tiles, int from, int to, int segment, int most) {
    for (int row = from; row < to; row += most) {
      tiles.add(new TileRows(row, Math.min(to, row + most), segment));
    }
  }

  int count() {
    return to - from;
  }
}
