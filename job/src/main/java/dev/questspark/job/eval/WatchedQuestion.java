package dev.questspark.job.eval;

import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.study.SelectionStudy;
import dev.questspark.job.answer.PolicyColumns;
import dev.questspark.job.eval.rows.SelectionRow;
import dev.questspark.job.executor.ExecutorEngine;
import java.util.List;

/**
 * Watches the dense attention of the first question asked of a document that is kept whole, from
 * its last tokens on.
 */
final class WatchedQuestion {
  /** Tokens at the question's end that are watched, the answer's first coming from the last. */
  private static final int QUESTION_ROWS = 8;

  private static final int MAX_ROWS = 24;

  private final EvalDocument document;
  private final int question;
  private final int promptTokens;
  private final SelectionStudy study;
  private final QuestionRequest request;

  /**
   * @param engine that the question will be asked of
   * @param policies whose pages are compared, those that read everything aside
   */
  WatchedQuestion(
      ExecutorEngine.Lease engine,
      EvalDocument document,
      TokenizedEvalDocument prompt,
      List<ReadPolicy> policies,
      SamplingParams sampling) {
    int[] tokens = prompt.questions().get(0);
    this.document = document;
    this.question = prompt.asked().get(0);
    this.promptTokens = prompt.document().length + tokens.length;
    this.study =
        new SelectionStudy(
            policies.stream().filter(policy -> !policy.dense()).toList(),
            engine.engine().pageShape(),
            Math.max(prompt.document().length, promptTokens - QUESTION_ROWS),
            MAX_ROWS);
    this.request = new QuestionRequest(tokens, new Dense(), false, sampling);
    engine.watched().add(request, study);
  }

  QuestionRequest request() {
    return request;
  }

  /** What was seen; call when the request is answered. */
  List<SelectionRow> rows() {
    SelectionRow.Question watched =
        new SelectionRow.Question(
            document.suite(),
            document.task(),
            document.docId(),
            question,
            document.aim().lengthTokens(),
            document.aim().depthPercent(),
            promptTokens);
    return study.findings().stream()
        .map(
            finding ->
                new SelectionRow(
                    watched,
                    PolicyColumns.of(finding.policy(), CachePolicy.NONE),
                    new SelectionRow.Kept(
                        finding.layer(),
                        finding.head(),
                        finding.rows(),
                        finding.attentionMass(),
                        finding.topTokenRecall())))
        .toList();
  }
}
