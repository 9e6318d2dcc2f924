package dev.questspark.engine.ops.cuda;

import dev.questspark.engine.ops.DType;

/**
 * What the CUDA backend needs to know before it allocates anything.
 *
 * @param device ordinal of the GPU among those that the process sees
 * @param dtype of weights and activations: F32, or BF16 with float accumulation
 * @param kvDType of keys and values, and of digests unless they are kept in 8 bits
 * @param batchInvariant reductions whose order follows the row alone (see {@code TensorOps}): our
 *     own {@code linear} instead of cuBLAS, whose algorithm follows the batch
 * @param maxRows most rows of a step
 * @param maxPageEntries most page-table entries of a step, all spans together
 */
public record CudaOptions(
    int device,
    DType dtype,
    DType kvDType,
    boolean batchInvariant,
    int maxRows,
    int maxPageEntries) {

  public CudaOptions {
    if (device < 0
        || maxRows < 1
        || maxPageEntries < 1
        || dtype == DType.F16
        || dtype == DType.BF16 && kvDType == DType.F32) {
      throw new IllegalArgumentException(
          "device "
              + device
              + ", dtype "
              + dtype
              + ", max rows "
              + maxRows
              + ", max page entries "
              + maxPageEntries);
    }
  }
}
