package dev.questspark.engine.ops.cpu.attention;

import dev.questspark.engine.ops.cpu.simd.SimdOps;

/** Products in float, in plain Java. */
final class JavaKeyProduct implements KeyProduct {
  private final SimdOps simd;
  private float[] left;
  private int count;
  private int width;

  JavaKeyProduct(SimdOps simd) {
    this.simd = simd;
  }

  @Override
  public void left(float[] rows, int count, int width) {
    this.left = rows;
    this.count = count;
    this.width = width;
  }

  @Override
  public void times(float[] right, int cols, float[] out) {
    simd.logits(out, 0, cols, left, 0, count, right, 0, width, cols, 1);
  }
}
