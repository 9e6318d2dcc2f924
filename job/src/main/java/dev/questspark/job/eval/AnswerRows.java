package dev.questspark.job.eval;

import dev.questspark.engine.Completion;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.job.answer.PolicyColumns;
import dev.questspark.job.corpus.Defect;
import dev.questspark.job.eval.EvalDocument.EvalQuestion;
import dev.questspark.job.eval.rows.QualityRow;
import dev.questspark.job.eval.rows.QualityRow.Answer;
import dev.questspark.job.eval.rows.QualityRow.Divergence;
import dev.questspark.job.eval.rows.QualityRow.Outcome;
import dev.questspark.job.eval.rows.QualityRow.Question;
import dev.questspark.job.eval.rows.QualityRow.Reads;
import dev.questspark.job.eval.rows.QualityRow.Tokens;
import java.util.ArrayList;
import java.util.List;

/** Turns the completions of one question, one per policy, into rows; compares them with dense. */
final class AnswerRows {
  private final EvalDocument document;
  private final List<ReadPolicy> policies;
  private final CachePolicy cachePolicy;
  private final int layersTimesHeads;

  /**
   * @param layersTimesHeads layers x KV heads of the model
   */
  AnswerRows(
      EvalDocument document,
      List<ReadPolicy> policies,
      CachePolicy cachePolicy,
      int layersTimesHeads) {
    this.layersTimesHeads = layersTimesHeads;
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
      Answer answer =
          document.perplexity() ? Answer.none(List.of()) : answer(question, found, reference);
      rows.add(row(question, policy, found, answer, droppedTokens, Divergence.NONE));
    }
    return rows;
  }

  /**
   * @param completions of a window's text, one per policy, in order
   * @param divergences likewise
   */
  List<QualityRow> compared(List<Completion> completions, List<Divergence> divergences) {
    List<QualityRow> rows = new ArrayList<>();
    for (int i = 0; i < policies.size(); i++) {
      rows.add(
          row(
              0,
              policies.get(i),
              completions.get(i),
              Answer.none(List.of()),
              0,
              divergences.get(i)));
    }
    return rows;
  }

  /** A given text has log-probabilities. */
  private QualityRow row(
      int question,
      ReadPolicy policy,
      Completion found,
      Answer answer,
      int droppedTokens,
      Divergence divergence) {
    return new QualityRow(
        asked(question),
        PolicyColumns.of(policy, cachePolicy),
        Outcome.OK,
        answer,
        new Tokens(found.usage().promptTokens(), found.usage().completionTokens(), droppedTokens),
        new Reads(
            found.reads().bytesRead(),
            found.reads().bytesDense(),
            found.reads().tokensAttendedMean(layersTimesHeads),
            found.reads().sparseSteps(),
            found.reads().denseSteps()),
        found.logProbs().isEmpty()
            ? null
            : -found.logProbs().stream().mapToDouble(Double::doubleValue).sum(),
        divergence);
  }

  private Answer answer(int question, Completion found, Completion dense) {
    EvalQuestion asked = document.questions().get(question);
    return new Answer(
        found.text(),
        asked.references(),
        document.score(asked, found.text()),
        dense == null ? null : found.text().equals(dense.text()),
        dense == null ? null : agreement(found.tokens(), dense.tokens()));
  }

  /** The same question as error rows. */
  List<QualityRow> refused(int question, Defect defect) {
    return policies.stream()
        .map(
            policy ->
                new QualityRow(
                    asked(question),
                    PolicyColumns.of(policy, cachePolicy),
                    Outcome.error(defect),
                    Answer.none(document.questions().get(question).references()),
                    Tokens.NONE,
                    Reads.NONE,
                    null,
                    Divergence.NONE))
        .toList();
  }

  private Question asked(int question) {
    return new Question(
        document.suite(),
        document.task(),
        document.scoring().metric(),
        document.docId(),
        question,
        document.aim().lengthTokens(),
        document.aim().depthPercent());
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
