package dev.questspark.engine.ops.backend;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.TensorOps;

/**
 * What a backend needs to know before it allocates anything.
 *
 * @param threads worker threads of the CPU backend, at least 1
 * @param dtype arithmetic of {@code linear}, float or bfloat16 with float accumulation, and element
 *     type of the KV cache
 * @param weightDType how the CPU backend keeps the weights of {@code linear}: {@code dtype} (under
 *     F32, weights that come in BF16 stay so), or I8 with a scale per output channel, multiplied as
 *     integers by rows in 16 bits
 * @param batchInvariant fixed reduction order regardless of the batch (see {@link TensorOps})
 */
public record BackendOptions(int threads, DType dtype, DType weightDType, boolean batchInvariant) {

  public BackendOptions(int threads, DType dtype, boolean batchInvariant) {
    this(threads, dtype, dtype, batchInvariant);
  }
}
