package dev.questspark.engine;

import java.util.List;
import java.util.OptionalDouble;

/**
 * One finished row.
 *
 * @param tokens generated token ids, the stop token left out
 * @param text decoded text, cut before a stop string
 * @param finishReason why it ended
 * @param usage tokens in and out
 * @param timings the row's clocks
 * @param reads what decode and question steps read from the KV cache
 * @param prefill what the document's own rows computed, the same for all its questions
 * @param logProbs natural logarithm of the probability of each forced token (temperature 1); empty
 *     for a drawn answer
 */
public record Completion(
    List<Integer> tokens,
    String text,
    FinishReason finishReason,
    Usage usage,
    Timings timings,
    KvReads reads,
    Prefill prefill,
    List<Double> logProbs) {

  /**
   * Pairs of a document row and a key block, summed over KV heads and the layers whose document
   * rows attend, which is all but the last one. A document that lost its pages counts once.
   *
   * @param blocksTotal what dense attention computes
   * @param blocksComputed counted by the op; with dense attention all
   * @param storedBytes of keys, values and digests that the document holds in whole pages while its
   *     questions are answered
   */
  public record Prefill(long blocksTotal, long blocksComputed, long storedBytes) {
    /** Nothing computed. */
    public static final Prefill NONE = new Prefill(0, 0, 0);

    /** The sum. */
    public Prefill plus(Prefill other) {
      return new Prefill(
          blocksTotal + other.blocksTotal,
          blocksComputed + other.blocksComputed,
          storedBytes + other.storedBytes);
    }

    /** Computed, of the total; 1 without a document. */
    public double density() {
      return blocksTotal == 0 ? 1 : (double) blocksComputed / blocksTotal;
    }
  }

  /**
   * OpenAI's usage words.
   *
   * @param promptTokens document and question
   * @param completionTokens generated, the stop token left out
   * @param cachedTokens prompt tokens whose KV another question of the document had already
   *     computed, or need not be
   * @param readTokens rows of document and questions that were read to choose what is kept of the
   *     document; 0 where nothing is chosen
   * @param keptTokens of the prompt whose KV is stored: all, or what is chosen of the document and
   *     the rest
   * @param computedTokens of the prompt that the model prefilled for this answer
   * @param union what is kept of the document for all its questions together
   */
  public record Usage(
      int promptTokens,
      int completionTokens,
      int cachedTokens,
      int readTokens,
      int keptTokens,
      int computedTokens,
      Union union) {}

  /**
   * What the questions of a document keep of it together.
   *
   * @param keptTokens of the document
   * @param documentTokens of the whole document; 0 where nothing is chosen or each question has a
   *     choice of its own
   */
  public record Union(int keptTokens, int documentTokens) {
    /** None. */
    public static final Union NONE = new Union(0, 0);

    /** The sum. */
    public Union plus(Union other) {
      return new Union(keptTokens + other.keptTokens, documentTokens + other.documentTokens);
    }

    /** Kept, of the whole; empty where questions have nothing together. */
    public OptionalDouble share() {
      return documentTokens == 0
          ? OptionalDouble.empty()
          : OptionalDouble.of((double) keptTokens / documentTokens);
    }
  }

  /**
   * Intervals of one process's monotonic clock, in nanoseconds.
   *
   * @param queueNanos submission to the first step that prefilled for the row or its document, less
   *     the reading
   * @param readingNanos first step that read the document to the choice of what is kept of it
   * @param prefillNanos first step that prefilled to first token, question included
   * @param ttftNanos submission to first token
   * @param decodeNanos first token to last token
   * @param e2eNanos submission to last token
   * @param preemptions times the row lost its pages and was recomputed
   */
  public record Timings(
      long queueNanos,
      long readingNanos,
      long prefillNanos,
      long ttftNanos,
      long decodeNanos,
      long e2eNanos,
      int preemptions) {}

  /**
   * Facts counted by the ops that read the cache, over this row's decode steps (one per generated
   * token after the first), summed over layers and KV heads.
   *
   * @param pagesTotal pages of the row's context when it ended, per layer and KV head
   * @param pagesScored digest pairs read
   * @param pagesAttended pages attended
   * @param tokensAttended tokens whose key and value were read
   * @param bytesRead bytes of keys, values and digests read
   * @param bytesDense bytes that dense attention would have read in the same steps
   * @param sparseSteps decode steps in which at least one layer read fewer pages than the context
   *     has
   * @param denseSteps decode steps that read everything
   */
  public record KvReads(
      int pagesTotal,
      long pagesScored,
      long pagesAttended,
      long tokensAttended,
      long bytesRead,
      long bytesDense,
      int sparseSteps,
      int denseSteps) {

    /**
     * Tokens attended per decode step, layer and KV head; 0 without a step.
     *
     * @param layersTimesHeads layers x KV heads of the model
     */
    public double tokensAttendedMean(int layersTimesHeads) {
      long steps = (long) sparseSteps + denseSteps;
      return steps == 0 ? 0 : (double) tokensAttended / (steps * layersTimesHeads);
    }
  }
}
