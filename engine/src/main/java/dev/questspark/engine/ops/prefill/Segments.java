package dev.questspark.engine.ops.prefill;

import java.util.ArrayList;
import java.util.List;

/**
 * Document rows of a step, cut into segments. Each begins at a multiple of {@link
 * BlockShape#segment} and is whole, but for the one that ends its document.
 *
 * @param rows first batch row of each segment, plus the end; segments + 1 entries
 * @param starts position of each segment's first row
 * @param documentTokens length of each segment's document
 */
public record Segments(BlockShape shape, int[] rows, int[] starts, int[] documentTokens) {

  /**
   * Cuts spans of a batch, all of them documents' rows.
   *
   * @param positions of each batch row
   * @param spanRows first row of each span, plus the end
   * @param documentTokens length of each span's document
   * @throws IllegalArgumentException when a span begins or ends within a segment
   */
  public static Segments of(
      BlockShape shape, int[] positions, int[] spanRows, int[] documentTokens) {
    List<Integer> rows = new ArrayList<>();
    List<Integer> starts = new ArrayList<>();
    List<Integer> lengths = new ArrayList<>();
    for (int span = 0; span < documentTokens.length; span++) {
      int from = spanRows[span];
      int to = spanRows[span + 1];
      int start = from == to ? 0 : positions[from];
      int end = start + to - from;
      if (start % shape.segment() != 0
          || end % shape.segment() != 0 && end != documentTokens[span]) {
        throw new IllegalArgumentException(
            "rows ["
                + start
                + ", "
                + end
                + ") of a document of "
                + documentTokens[span]
                + " tokens are no whole segments of "
                + shape.segment());
      }
      for (int row = from; row < to; row += shape.segment()) {
        rows.add(row);
        starts.add(positions[row]);
        lengths.add(documentTokens[span]);
      }
    }
    rows.add(spanRows[documentTokens.length]);
    return new Segments(shape, array(rows), array(starts), array(lengths));
  }

  private static int[] array(List<Integer> values) {
    return values.stream().mapToInt(Integer::intValue).toArray();
  }

  /** Segments. */
  public int count() {
    return starts.length;
  }

  /** Rows of a segment. */
  public int rowsOf(int segment) {
    return rows[segment + 1] - rows[segment];
  }

  /** Key blocks before a segment. */
  public int blocksBefore(int segment) {
    return starts[segment] / shape.block();
  }

  /** Whether a segment ends its document. */
  public boolean last(int segment) {
    return starts[segment] + rowsOf(segment) == documentTokens[segment];
  }
}
