package dev.questspark.job.eval;

import dev.questspark.engine.Completion;
import dev.questspark.engine.policy.CachePolicy;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.job.answer.PolicyColumns;
import dev.questspark.job.corpus.Defect;
import java.util.ArrayList;
import java.util.List;

/** Turns the completions of one question, one per policy, into rows; compares them with dense. */
final class AnswerRows {
  private final EvalDocument document;
  private final List<ReadPolicy> policies;
  private final CachePolicy cachePolicy;

  AnswerRows(EvalDocument document, List<ReadPolicy> policies, CachePolicy cachePolicy) {
    this.document = document;
    this.cachePolicy = cachePolicy;
    this.policies = policies;
  }

  /**
   * @param completions one per policy, in order
   */
  List<QualityRow> answered(int question, List<Completion> completions, int droppedTokens) {
    Completion dense = null;
    for (int i = 0; i < policies.size(); i++) {
      if (policies.get(i).dense()) {
        dense = completions.get(i);
      }
    }
    List<QualityRow> rows = new ArrayList<>();
    for (int i = 0; i < policies.size(); i++) {
      ReadPolicy policy = policies.get(i);
      Completion found = completions.get(i);
      Completion reference = policy.dense() ? null : dense;
      rows.add(row(question, policy, found, reference, droppedTokens));
    }
    return rows;
  }

  private QualityRow row(
      int question, ReadPolicy policy, Completion found, Completion dense, int droppedTokens) {
    PolicyColumns columns = PolicyColumns.of(policy, cachePolicy);
    boolean compared = dense != null && !document.perplexity();
    return new QualityRow(
        document.suite(),
        document.task(),
        document.metric(),
        document.docId(),
        question,
        document.lengthTokens(),
        document.depthPercent(),
        columns.policy(),
        columns.cachePolicy(),
        columns.kvBudget(),
        "ok",
        null,
        null,
        document.perplexity() ? null : found.text(),
        document.questions().get(question).references(),
        document.perplexity()
            ? null
            : document.score(document.questions().get(question), found.text()),
        compared ? found.text().equals(dense.text()) : null,
        compared ? agreement(found.tokens(), dense.tokens()) : null,
        found.usage().promptTokens(),
        found.usage().completionTokens(),
        droppedTokens,
        found.reads().bytesRead(),
        found.reads().bytesDense(),
        found.reads().sparseSteps(),
        found.reads().denseSteps(),
        document.perplexity()
            ? -found.logProbs().stream().mapToDouble(Double::doubleValue).sum()
            : null);
  }

  /** The same question as error rows. */
  List<QualityRow> refused(int question, Defect defect) {
    return policies.stream()
        .map(policy -> PolicyColumns.of(policy, cachePolicy))
        .map(
            columns ->
                new QualityRow(
                    document.suite(),
                    document.task(),
                    document.metric(),
                    document.docId(),
                    question,
                    document.lengthTokens(),
                    document.depthPercent(),
                    columns.policy(),
                    columns.cachePolicy(),
                    columns.kvBudget(),
                    "error",
                    defect.code().name(),
                    defect.message(),
                    null,
                    document.questions().get(question).references(),
                    null,
                    null,
                    null,
                    null,
                    null,
                    0,
                    null,
                    null,
                    null,
                    null,
                    null))
        .toList();
  }

  /** Share of the reference's tokens that the answer has at the same place. */
  private static double agreement(List<Integer> tokens, List<Integer> reference) {
    if (reference.isEmpty()) {
      return tokens.isEmpty() ? 1 : 0;
    }
    int same = 0;
    for (int i = 0; i < Math.min(tokens.size(), reference.size()); i++) {
      if (tokens.get(i).equals(reference.get(i))) {
        same++;
      }
    }
    return (double) same / reference.size();
  }
}
