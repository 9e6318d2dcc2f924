package dev.questspark.engine.ops;

/**
 * What a backend needs to know before it allocates anything.
 *
 * @param threads worker threads of the CPU backend, at least 1
 * @param dtype arithmetic of {@code linear}, float or bfloat16 with float accumulation, and element
 *     type of the KV cache
 * @param batchInvariant fixed reduction order whatever the batch (see {@link TensorOps})
 */
public record BackendOptions(int threads, DType dtype, boolean batchInvariant) {}
