package dev.questspark.engine.ops.cuda;

import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.Tensor;

/** Argument checks of the ops, before anything reaches the device. */
final class CudaShapes {
  private CudaShapes() {}

  /** Requires at least {@code rows} rows and exactly {@code cols} columns. */
  static void require(String name, Tensor tensor, int rows, int cols) {
    if (tensor.rows() < rows || tensor.cols() != cols) {
      throw new IllegalArgumentException(
          name
              + " is ("
              + tensor.rows()
              + ", "
              + tensor.cols()
              + "), expected ("
              + rows
              + " or more, "
              + cols
              + ")");
    }
  }

  /** Query heads per KV head of q (R, Hq * D). */
  static int group(Tensor q, KvLayer kv) {
    int kvColumns = kv.geometry().kvHeads() * kv.geometry().headDim();
    if (q.cols() == 0 || q.cols() % kvColumns != 0) {
      throw new IllegalArgumentException(
          "q has "
              + q.cols()
              + " columns, which is no multiple of "
              + kv.geometry().kvHeads()
              + " KV heads of "
              + kv.geometry().headDim()
              + " channels");
    }
    return q.cols() / kvColumns;
  }

  /** Whether every row starts at a 16-byte boundary, as tensor-core kernels load it. */
  static boolean aligned(Tensor tensor) {
    return DeviceBuffer.addressOf(tensor) % 16 == 0
        && tensor.rowStride() * tensor.dtype().bytes() % 16 == 0;
  }

  static int ceilDiv(int dividend, int divisor) {
    return (dividend + divisor - 1) / divisor;
  }
}
