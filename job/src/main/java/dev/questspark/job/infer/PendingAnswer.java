package dev.questspark.job.infer;

import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.job.answer.Answer;
import dev.questspark.job.answer.Answer.Outcome;
import dev.questspark.job.answer.DocumentCoverage;
import dev.questspark.job.corpus.Defect;
import dev.questspark.job.corpus.Question;
import java.time.Instant;
import java.util.Optional;

/** What is known of an answer row when it is asked; becomes an {@link Answer} when it ends. */
record PendingAnswer(
    String documentId,
    Question question,
    ReadPolicy policy,
    CachePolicy cachePolicy,
    Instant startedAt) {

  Answer answered(Outcome outcome, DocumentCoverage coverage) {
    return new Answer(
        documentId,
        question,
        policy,
        cachePolicy,
        Optional.of(outcome),
        Optional.empty(),
        coverage,
        new Answer.Span(startedAt, Instant.now()));
  }

  Answer refused(Defect defect, DocumentCoverage coverage) {
    return new Answer(
        documentId,
        question,
        policy,
        cachePolicy,
        Optional.empty(),
        Optional.of(defect),
        coverage,
        new Answer.Span(startedAt, Instant.now()));
  }
}
