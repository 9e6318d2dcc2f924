package dev.questspark.engine.ops.cuda;

import dev.questspark.engine.ops.Tensor;

/** Who multiplies matrices: cuBLAS where it is there and allowed, or our own kernel. */
interface CudaGemm extends AutoCloseable {
  /** Name, for the log and the stats. */
  String describe();

  /** out (R, N) = x (R, K) . weight (N, K)^T + bias. */
  void linear(Tensor out, Tensor x, CudaLinearWeight weight);

  @Override
  default void close() {}
}
