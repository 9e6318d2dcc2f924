package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.Tensor;

/**
 * Argument checks of the ops: one sentence with the tensor's name, its shape and the expected one.
 */
final class Shapes {
  private Shapes() {}

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

  /** Query heads in a (R, heads * D) tensor: a multiple of the KV heads. */
  static int queryHeads(Tensor q, KvLayer kv) {
    int headDim = kv.geometry().headDim();
    int heads = q.cols() / headDim;
    if (q.cols() % headDim != 0 || heads == 0 || heads % kv.geometry().kvHeads() != 0) {
      throw new IllegalArgumentException(
          "q has "
              + q.cols()
              + " columns, which is no multiple of "
              + kv.geometry().kvHeads()
              + " KV heads of "
              + headDim
              + " channels");
    }
    return heads;
  }
}
