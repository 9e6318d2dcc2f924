package dev.questspark.engine.ops;

/**
 * A tensor that is yet to be allocated.
 *
 * @param dtype element type
 * @param rows rows
 * @param cols columns
 */
public record TensorShape(DType dtype, int rows, int cols) {

  /** Rows times columns. */
  public long elements() {
    return Math.multiplyExact((long) rows, (long) cols);
  }
}
