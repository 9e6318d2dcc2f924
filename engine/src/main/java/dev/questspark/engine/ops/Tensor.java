package dev.questspark.engine.ops;

/**
 * A matrix view of backend memory: element (r, c) stands at {@code offset + r * rowStride + c}.
 *
 * <p>Views share the buffer and never own it. Fused projections hand out column views (q, k and v
 * of one QKV matrix), batches hand out row views.
 *
 * @param buffer memory behind the view
 * @param dtype element type
 * @param offset first element, in elements
 * @param rows rows
 * @param cols columns
 * @param rowStride elements from one row to the next, at least {@code cols}
 */
public record Tensor(Buffer buffer, DType dtype, long offset, int rows, int cols, int rowStride) {

  public Tensor {
    if (rows < 0 || cols < 0 || rowStride < cols || offset < 0) {
      throw new IllegalArgumentException(
          "tensor view: rows "
              + rows
              + ", cols "
              + cols
              + ", stride "
              + rowStride
              + ", offset "
              + offset);
    }
    long last = rows == 0 ? offset : offset + (rows - 1L) * rowStride + cols;
    if (last * dtype.bytes() > buffer.bytes()) {
      throw new IllegalArgumentException(
          "tensor view ends at element " + last + " of a buffer of " + buffer.bytes() + " bytes");
    }
  }

  /** The rows [from, to) as a view. */
  public Tensor rows(int from, int to) {
    checkRange(from, to, rows, "rows");
    return new Tensor(buffer, dtype, offset + (long) from * rowStride, to - from, cols, rowStride);
  }

  /** The columns [from, to) as a view. */
  public Tensor cols(int from, int to) {
    checkRange(from, to, cols, "columns");
    return new Tensor(buffer, dtype, offset + from, rows, to - from, rowStride);
  }

  private static void checkRange(int from, int to, int limit, String what) {
    if (from < 0 || to < from || to > limit) {
      throw new IndexOutOfBoundsException(what + " [" + from + ", " + to + ") of " + limit);
    }
  }
}
