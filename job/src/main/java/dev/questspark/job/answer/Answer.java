package dev.questspark.job.answer;

import dev.questspark.engine.Completion;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.job.corpus.Defect;
import dev.questspark.job.corpus.Question;
import java.time.Instant;
import java.util.Optional;

/**
 * One answer row: a question of a document under one policy.
 *
 * @param documentId null when the record had none
 * @param outcome what the engine gave; empty exactly when there is a defect
 * @param coverage what of the document it was answered from
 */
public record Answer(
    String documentId,
    Question question,
    ReadPolicy policy,
    CachePolicy cachePolicy,
    Optional<Outcome> outcome,
    Optional<Defect> defect,
    DocumentCoverage coverage,
    Span span) {

  /** From submission to the last token. */
  public record Span(Instant startedAt, Instant finishedAt) {}

  /**
   * What the model thought before it answered.
   *
   * @param text null when it did not think; with map_reduce the last completion's
   * @param tokens generated tokens that are no answer, of all completions
   * @param finished whether all completions went on to answer; true without thinking
   */
  public record Reasoning(String text, int tokens, boolean finished) {}

  /**
   * What a decode step reads of a layer and KV head, in the mean.
   *
   * @param pages pages, or parts of pages
   */
  public record Attended(double pages, double tokens) {}

  /**
   * A finished generation, several completions summed when map_reduce made them.
   *
   * @param text the answer, without what was thought before it
   */
  public record Outcome(
      String text,
      Reasoning reasoning,
      String finishReason,
      Completion.Usage usage,
      Completion.Timings timings,
      Completion.KvReads reads,
      Completion.Prefill prefill,
      Attended attended) {}

  public Answer {
    if (outcome.isPresent() == defect.isPresent()) {
      throw new IllegalArgumentException("an answer row is either an outcome or a defect");
    }
  }

  /** Whether the answer is the reference, white space at the ends aside; empty without one. */
  public Optional<Boolean> correct() {
    String expected = question.expected();
    return expected == null
        ? Optional.empty()
        : Optional.of(
            outcome.map(found -> found.text().strip().equals(expected.strip())).orElse(false));
  }
}
