package dev.questspark.job.eval;

import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.select.SelectionStudy;
import dev.questspark.engine.select.SelectorSpec;
import java.util.List;

/**
 * Watches the dense attention of the first question asked of a document, from its last tokens on.
 */
final class AttentionWatch {
  /** Tokens at the question's end that are watched, the answer's first coming from the last. */
  private static final int QUESTION_ROWS = 8;

  private static final int MAX_ROWS = 24;

  private final EvalDocument document;
  private final int question;
  private final int promptTokens;
  private final SelectionStudy study;
  private final QuestionRequest request;

  AttentionWatch(
      EvalDocument document,
      TokenizedEvalDocument prompt,
      List<SelectorSpec> policies,
      SamplingParams sampling) {
    int[] tokens = prompt.questions().get(0);
    this.document = document;
    this.question = prompt.asked().get(0);
    this.promptTokens = prompt.document().length + tokens.length;
    this.study =
        new SelectionStudy(
            policies.stream().filter(policy -> !policy.dense()).toList(),
            Math.max(prompt.document().length, promptTokens - QUESTION_ROWS),
            MAX_ROWS);
    this.request = QuestionRequest.studied(tokens, sampling, study);
  }

  QuestionRequest request() {
    return request;
  }

  /** What was seen; call when the request is answered. */
  List<SelectionRow> rows() {
    return study.findings().stream()
        .map(
            finding ->
                new SelectionRow(
                    document.suite(),
                    document.task(),
                    document.docId(),
                    question,
                    document.lengthTokens(),
                    document.depthPercent(),
                    promptTokens,
                    finding.policy().selector(),
                    finding.policy().kvBudget(),
                    finding.policy().pageScore().toString(),
                    finding.layer(),
                    finding.head(),
                    finding.rows(),
                    finding.attentionMass(),
                    finding.topTokenRecall()))
        .toList();
  }
}
