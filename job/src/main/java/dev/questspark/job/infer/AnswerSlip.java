package dev.questspark.job.infer;

import dev.questspark.engine.select.SelectorSpec;
import dev.questspark.job.answer.Answer;
import dev.questspark.job.answer.Answer.Outcome;
import dev.questspark.job.answer.Reading;
import dev.questspark.job.corpus.Defect;
import dev.questspark.job.corpus.Question;
import java.time.Instant;
import java.util.Optional;

/** What is known of an answer row when it is asked; becomes an {@link Answer} when it ends. */
record AnswerSlip(String documentId, Question question, SelectorSpec policy, Instant startedAt) {

  Answer answered(Outcome outcome, Reading reading) {
    return new Answer(
        documentId,
        question,
        policy,
        Optional.of(outcome),
        Optional.empty(),
        reading,
        startedAt,
        Instant.now());
  }

  Answer refused(Defect defect, Reading reading) {
    return new Answer(
        documentId,
        question,
        policy,
        Optional.empty(),
        Optional.of(defect),
        reading,
        startedAt,
        Instant.now());
  }
}
