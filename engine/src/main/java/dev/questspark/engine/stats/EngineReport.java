package dev.questspark.engine.stats;

import java.io.Serializable;
import java.util.List;

/**
 * What one engine is and has done since it opened.
 *
 * <p>Step time is attributed to phases and policies thus: attention is timed per group of rows;
 * everything else in the step (projections, norms, sampling) is shared by row count. The attributed
 * times add up to {@code busyNanos}.
 *
 * @param setup what it opened with, and how long that took
 * @param memory what it holds
 * @param work what it has done, whatever the policy
 * @param reading what it has read to choose tokens of documents
 * @param policies sums per policy, in order of first use
 */
public record EngineReport(
    Setup setup, Memory memory, Work work, Reading reading, List<PolicyReport> policies)
    implements Serializable {

  /**
   * Does not change after open.
   *
   * @param backend the backend's description of itself
   * @param dtype what the option {@code dtype} came to: of matrix products and of the KV cache
   * @param loadNanos reading and packing weights, allocating the cache
   * @param warmupNanos first steps on scratch data, before any request
   * @param kvPages usable pages
   * @param pageSize tokens per page
   * @param maxModelLen tokens of document, question and answer together
   */
  public record Setup(
      String backend,
      String dtype,
      long loadNanos,
      long warmupNanos,
      int kvPages,
      int pageSize,
      int maxModelLen)
      implements Serializable {
    /** From nothing to the first step. */
    public long startUpNanos() {
      return loadNanos + warmupNanos;
    }
  }

  /**
   * Planned once, at open.
   *
   * @param weightBytes resident bytes of the packed weights
   * @param kvCacheBytes planned bytes of KV pages and digests, those that reading takes included
   * @param workspaceBytes activation buffers and rotary table
   */
  public record Memory(long weightBytes, long kvCacheBytes, long workspaceBytes)
      implements Serializable {}

  /**
   * Sums since open of reading documents before their tokens are chosen.
   *
   * @param documents read, once each
   * @param tokens rows of documents and questions
   * @param nanos of the steps that did it
   */
  public record Reading(long documents, long tokens, long nanos) implements Serializable {}

  /**
   * Sums since open.
   *
   * @param steps steps run
   * @param busyNanos time inside steps, reading apart
   * @param peakPagesUsed most pages ever in use
   * @param preemptions rows that lost their pages and were recomputed
   * @param documents documents prefilled (a recomputed one counts again)
   * @param prefillTokens document tokens computed
   * @param prefillNanos their share of step time, and the compression of documents
   * @param prefillSelectionNanos the part of it in which key blocks were scored and listed
   */
  public record Work(
      long steps,
      long busyNanos,
      int peakPagesUsed,
      long preemptions,
      long documents,
      long prefillTokens,
      long prefillNanos,
      long prefillSelectionNanos)
      implements Serializable {}
}
