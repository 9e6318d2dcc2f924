package dev.questspark.engine.ops.backend;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.TensorOps;
import java.util.Optional;

/**
 * What an engine asks of a backend at open.
 *
 * @param device which one
 * @param threads worker threads of a backend that computes on the host
 * @param dtype arithmetic of {@code linear} and element type of the KV cache
 * @param checkpoint element type that the checkpoint states, for an automatic {@code dtype}
 * @param weights how weights of {@code linear} are kept
 * @param batchInvariant fixed reduction order regardless of the batch (see {@link TensorOps})
 * @param maxRows most rows of a step
 * @param maxPageEntries most page-table entries of a step, all spans together
 */
public record BackendRequest(
    DeviceName device,
    int threads,
    ComputeDType dtype,
    Optional<DType> checkpoint,
    WeightDType weights,
    boolean batchInvariant,
    int maxRows,
    int maxPageEntries) {}
