package dev.questspark.engine.stats;

import dev.questspark.engine.policy.ReadPolicy;
import java.io.Serializable;

/**
 * Sums over all rows of one policy since the engine opened.
 *
 * @param policy what the rows read
 * @param questionTokens question tokens computed
 * @param questionNanos their share of step time
 * @param decodeTokens generated tokens fed (one step each)
 * @param decodeNanos their share of step time
 * @param bytesRead KV bytes read in decode steps, digests included
 * @param bytesDense KV bytes that dense attention would have read in the same steps
 * @param sparseSteps decode steps (per row) that read less than the whole context
 * @param denseSteps decode steps (per row) that read everything
 */
public record PolicyReport(
    ReadPolicy policy,
    long questionTokens,
    long questionNanos,
    long decodeTokens,
    long decodeNanos,
    long bytesRead,
    long bytesDense,
    long sparseSteps,
    long denseSteps)
    implements Serializable {}
