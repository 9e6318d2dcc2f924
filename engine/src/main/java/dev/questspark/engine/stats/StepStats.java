package dev.questspark.engine.stats;

/**
 * One step of the engine.
 *
 * @param step counts from 0
 * @param startNanos since the engine opened
 * @param nanos wall time of the step: scheduling, forward pass, sampling
 * @param rows what was computed
 * @param attention time in attention, selection included
 * @param load of the scheduler, after the step
 * @param bytesRead KV bytes that question and decode rows read, digests included
 */
public record StepStats(
    long step,
    long startNanos,
    long nanos,
    Rows rows,
    Attention attention,
    Load load,
    long bytesRead) {

  /**
   * Rows by phase.
   *
   * @param reading rows of documents that are read before their tokens are chosen, in part of the
   *     layers
   * @param prefill document tokens computed
   * @param question question tokens computed
   * @param decode generated tokens fed
   */
  public record Rows(int reading, int prefill, int question, int decode) {}

  /** Time in attention by the phase of the rows. */
  public record Attention(long prefillNanos, long questionNanos, long decodeNanos) {}

  /**
   * What is under way and what is in store.
   *
   * @param running sequences in flight
   * @param waiting questions not yet started
   * @param pagesUsed KV pages in use
   */
  public record Load(int running, int waiting, int pagesUsed) {}
}
