package dev.questspark.engine.schedule;

/**
 * What one step and the engine as a whole may hold.
 *
 * @param pageSize tokens per KV page
 * @param maxNumSeqs sequences in flight: documents being prefilled and running questions
 * @param maxNumBatchedTokens rows per step
 * @param overcommit admit on prompt pages only and preempt when pages run out, instead of reserving
 *     prompt + max_tokens
 */
public record SchedulerLimits(
    int pageSize, int maxNumSeqs, int maxNumBatchedTokens, boolean overcommit) {

  public SchedulerLimits {
    if (pageSize < 1 || maxNumSeqs < 1 || maxNumBatchedTokens < 1) {
      throw new IllegalArgumentException(
          "scheduler limits: page size "
              + pageSize
              + ", sequences "
              + maxNumSeqs
              + ", rows per step "
              + maxNumBatchedTokens
              + "; each is at least 1");
    }
  }
}
