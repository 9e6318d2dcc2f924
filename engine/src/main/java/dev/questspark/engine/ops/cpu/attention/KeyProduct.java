package dev.questspark.engine.ops.cpu.attention;

/** Products of one matrix with others, in the type that the cache has. Belongs to one worker. */
interface KeyProduct {
  /** Rows that a product is computed for at a time, at most. */
  int ROWS = 256;

  /**
   * Takes the left matrix.
   *
   * @param rows (count, width), back to back
   * @param count at most {@link #ROWS}
   */
  void left(float[] rows, int count, int width);

  /**
   * out (count, cols) = left . right.
   *
   * @param right (width, cols), back to back
   */
  void times(float[] right, int cols, float[] out);
}
