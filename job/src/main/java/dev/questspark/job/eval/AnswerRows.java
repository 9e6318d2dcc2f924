package dev.questspark.job.eval;

import dev.questspark.engine.Completion;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.study.ReferenceWindow;
import dev.questspark.job.corpus.Defect;
import dev.questspark.job.eval.EvalDocument.EvalQuestion;
import dev.questspark.job.eval.rows.QualityRow;
import dev.questspark.job.eval.rows.QualityRow.Answer;
import dev.questspark.job.eval.rows.QualityRow.GivenText;
import dev.questspark.job.eval.rows.QualityRow.Outcome;
import dev.questspark.job.eval.rows.QualityRow.Prefill;
import dev.questspark.job.eval.rows.QualityRow.Question;
import dev.questspark.job.eval.rows.QualityRow.Reads;
import dev.questspark.job.eval.rows.QualityRow.Tokens;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Turns the completions of one document's questions into rows; compares them with those of the
 * reference, which come first.
 */
final class AnswerRows {
  private final EvalDocument document;
  private final int layersTimesHeads;
  private final Map<Integer, Completion> references = new HashMap<>();

  /**
   * @param layersTimesHeads layers x KV heads of the model
   */
  AnswerRows(EvalDocument document, int layersTimesHeads) {
    this.layersTimesHeads = layersTimesHeads;
    this.document = document;
  }

  /**
   * @param completions one per policy, in order
   */
  List<QualityRow> answered(
      int question,
      CachePolicy cache,
      List<ReadPolicy> policies,
      List<Completion> completions,
      int droppedTokens) {
    for (int i = 0; i < policies.size(); i++) {
      if (new PolicyPair(cache, policies.get(i)).reference()) {
        references.put(question, completions.get(i));
      }
    }
    List<QualityRow> rows = new ArrayList<>();
    for (int i = 0; i < policies.size(); i++) {
      PolicyPair pair = new PolicyPair(cache, policies.get(i));
      Completion found = completions.get(i);
      Completion reference = pair.reference() ? null : references.get(question);
      Answer answer =
          document.perplexity() ? Answer.none(List.of()) : answer(question, found, reference);
      rows.add(row(question, pair, found, answer, droppedTokens, text(found, null, null)));
    }
    return rows;
  }

  /**
   * @param completions of a window's text, one per policy, in order
   * @param divergences likewise
   */
  List<QualityRow> compared(
      CachePolicy cache,
      List<ReadPolicy> policies,
      List<Completion> completions,
      List<ReferenceWindow.Divergence> divergences) {
    List<QualityRow> rows = new ArrayList<>();
    for (int i = 0; i < policies.size(); i++) {
      rows.add(
          row(
              0,
              new PolicyPair(cache, policies.get(i)),
              completions.get(i),
              Answer.none(List.of()),
              0,
              text(completions.get(i), divergences.get(i).kl(), divergences.get(i).sameArgmax())));
    }
    return rows;
  }

  /** A given text has log-probabilities. */
  private static GivenText text(Completion found, Double kl, Double sameArgmax) {
    return found.logProbs().isEmpty()
        ? GivenText.NONE
        : new GivenText(
            -found.logProbs().stream().mapToDouble(Double::doubleValue).sum(), kl, sameArgmax);
  }

  private QualityRow row(
      int question,
      PolicyPair pair,
      Completion found,
      Answer answer,
      int droppedTokens,
      GivenText text) {
    return new QualityRow(
        asked(question),
        pair.columns(),
        Outcome.OK,
        answer,
        new Tokens(
            found.usage().promptTokens(),
            found.usage().completionTokens(),
            droppedTokens,
            found.usage().readTokens(),
            found.usage().keptTokens()),
        new Reads(
            found.reads().bytesRead(),
            found.reads().bytesDense(),
            found.reads().tokensAttendedMean(layersTimesHeads),
            found.reads().sparseSteps(),
            found.reads().denseSteps()),
        text,
        new Prefill(
            found.prefill().blocksTotal(),
            found.prefill().blocksComputed(),
            found.prefill().storedBytes()));
  }

  private Answer answer(int question, Completion found, Completion reference) {
    EvalQuestion asked = document.questions().get(question);
    return new Answer(
        found.text(),
        asked.references(),
        document.score(asked, found.text()),
        reference == null ? null : found.text().equals(reference.text()),
        reference == null ? null : agreement(found.tokens(), reference.tokens()));
  }

  /** The same question as error rows. */
  List<QualityRow> refused(
      int question, CachePolicy cache, List<ReadPolicy> policies, Defect defect) {
    return policies.stream()
        .map(
            policy ->
                new QualityRow(
                    asked(question),
                    new PolicyPair(cache, policy).columns(),
                    Outcome.error(defect),
                    Answer.none(document.questions().get(question).references()),
                    Tokens.NONE,
                    Reads.NONE,
                    GivenText.NONE,
                    Prefill.NONE))
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
