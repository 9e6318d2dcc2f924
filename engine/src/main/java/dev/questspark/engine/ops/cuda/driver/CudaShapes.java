package dev.questspark.engine.ops.cuda.driver;

import dev.questspark.engine.ops.Tensor;

/** What a launch asks of shapes: alignment, and blocks that cover them. */
public final class CudaShapes {
  private CudaShapes() {}

  /** Whether every row starts at a 16-byte boundary, as tensor-core kernels load it. */
  public static boolean aligned(Tensor tensor) {
    return DeviceBuffer.addressOf(tensor) % 16 == 0
        && tensor.rowStride() * tensor.dtype().bytes() % 16 == 0;
  }

  public static int ceilDiv(int dividend, int divisor) {
    return (dividend + divisor - 1) / divisor;
  }
}
