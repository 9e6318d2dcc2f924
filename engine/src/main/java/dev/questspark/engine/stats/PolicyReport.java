package dev.questspark.engine.stats;

import dev.questspark.engine.policy.ReadPolicy;
import java.io.Serializable;

/**
 * Sums over all rows of one policy since the engine opened.
 *
 * @param policy what the rows read
 * @param question question tokens computed
 * @param decode generated tokens fed, one step each
 * @param reads what the decode steps read
 */
public record PolicyReport(ReadPolicy policy, Phase question, Phase decode, Reads reads)
    implements Serializable {

  /**
   * The work of one phase.
   *
   * @param nanos the tokens' share of step time
   */
  public record Phase(long tokens, long nanos) implements Serializable {}

  /**
   * Sums over decode steps.
   *
   * @param bytesRead KV bytes read, digests included
   * @param bytesDense KV bytes that dense attention would have read in the same steps
   * @param sparseSteps steps (per row) that read less than the whole context
   * @param denseSteps steps (per row) that read everything
   */
  public record Reads(long bytesRead, long bytesDense, long sparseSteps, long denseSteps)
      implements Serializable {}
}
