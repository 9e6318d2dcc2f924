package dev.questspark.job.report;

import dev.questspark.job.eval.rows.PrefillRow;
import dev.questspark.job.eval.rows.SelectionRow;
import java.util.List;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/**
 * What one policy of a sweep or an evaluation comes to; {@link SummaryColumns} names the numbers.
 * Null where the run has no such measurement.
 */
final class PolicySummary {
  private final Policy policy;
  private final QualitySummary answers;
  private final SpeedSummary batches;
  private final SpeedSummary denseBatches;
  private final Interval score;
  private final Interval scoreMinusDense;
  private final Interval perplexity;
  private final Interval perplexityOverDense;
  private final Interval kl;
  private final Interval sameArgmax;
  private final Interval attentionMass;
  private final Interval topTokenRecall;
  private final Interval prefillMass;
  private final Interval prefillBestMass;
  private final Interval decodeThroughput;
  private final boolean prefillsAnew;
  private final Interval prefillSeconds;
  private final Interval prefillSpeedup;

  /**
   * @param batches null where no speed was measured
   * @param denseBatches of the reference; null likewise
   * @param prefillsAnew whether every repetition prefilled, under each cache policy
   * @param selection of watched documents, maybe none
   * @param prefill of watched documents under the cache policy, likewise
   */
  PolicySummary(
      Policy policy,
      QualitySummary answers,
      SpeedSummary batches,
      SpeedSummary denseBatches,
      boolean prefillsAnew,
      List<SelectionRow> selection,
      List<PrefillRow> prefill) {
    this.policy = policy;
    this.answers = answers;
    this.batches = batches;
    this.denseBatches = batches == null ? null : denseBatches;
    this.score = answers.score();
    this.scoreMinusDense = policy.reference() ? null : answers.scoreMinusDense();
    this.perplexity = answers.perplexity();
    this.perplexityOverDense = policy.reference() ? null : answers.perplexityOverDense();
    this.kl = answers.kl();
    this.sameArgmax = answers.sameArgmax();
    Function<SelectionRow, String> question = row -> row.question().docId();
    this.attentionMass = byDocument(selection, question, row -> row.kept().attentionMass());
    this.topTokenRecall = byDocument(selection, question, row -> row.kept().topTokenRecall());
    Function<PrefillRow, String> document = row -> row.document().docId();
    this.prefillMass = byDocument(prefill, document, row -> row.kept().attentionMass());
    this.prefillBestMass = byDocument(prefill, document, row -> row.kept().bestMass());
    this.decodeThroughput = batches == null ? null : batches.decodeThroughput();
    this.prefillsAnew = prefillsAnew;
    boolean prefills = prefillsAnew && batches != null;
    this.prefillSeconds = prefills ? batches.prefillSeconds() : null;
    this.prefillSpeedup =
        prefills && denseBatches != null ? batches.prefillSpeedup(denseBatches) : null;
  }

  /** Means of every watched document, then over documents; null where none was watched. */
  private static <R> Interval byDocument(
      List<R> rows, Function<R, String> document, ToDoubleFunction<R> share) {
    List<Double> means =
        rows.stream()
            .collect(
                Collectors.groupingBy(document, TreeMap::new, Collectors.averagingDouble(share)))
            .values()
            .stream()
            .toList();
    return means.isEmpty() ? null : Interval.mean(means).within(0, 1);
  }

  Policy policy() {
    return policy;
  }

  int questions() {
    return answers.questions();
  }

  int errors() {
    return answers.errors();
  }

  /** Speed measurements per document. */
  int repetitions() {
    return batches == null ? 0 : batches.repetitions();
  }

  Interval score() {
    return score;
  }

  Interval scoreMinusDense() {
    return scoreMinusDense;
  }

  Double textAgreement() {
    return answers.textAgreement();
  }

  Double tokenAgreement() {
    return answers.tokenAgreement();
  }

  Interval perplexity() {
    return perplexity;
  }

  Interval perplexityOverDense() {
    return perplexityOverDense;
  }

  Interval kl() {
    return kl;
  }

  Interval sameArgmax() {
    return sameArgmax;
  }

  /** Of the answers' decode steps. */
  Double kvBytesPerToken() {
    return answers.kvBytesPerToken();
  }

  Double kvTokensMean() {
    return answers.kvTokensMean();
  }

  /** Of the speed batches where there are any, or of the answers. */
  Double kvReadShare() {
    return batches == null ? answers.kvReadShare() : Double.valueOf(batches.kvReadShare());
  }

  Double readShare() {
    return answers.readShare();
  }

  Double keptShare() {
    return answers.keptShare();
  }

  Interval attentionMass() {
    return attentionMass;
  }

  Interval topTokenRecall() {
    return topTokenRecall;
  }

  /** On the key blocks that the document's own rows read; null where none were watched. */
  Interval prefillMass() {
    return prefillMass;
  }

  /** The most that as many blocks could have had; null likewise. */
  Interval prefillBestMass() {
    return prefillBestMass;
  }

  Interval decodeThroughput() {
    return decodeThroughput;
  }

  /** Null where all documents are prefilled alike. */
  Double prefillDensity() {
    return prefillsAnew ? answers.prefillDensity() : null;
  }

  /** Null where all documents are prefilled alike. */
  Double storedBytesPerToken() {
    return prefillsAnew ? answers.storedBytesPerToken() : null;
  }

  /** Per document; null where one prefill served all repetitions. */
  Interval prefillSeconds() {
    return prefillSeconds;
  }

  /** The reference's prefill over this one's; null likewise. */
  Interval prefillSpeedup() {
    return prefillSpeedup;
  }

  /** Of the speed batches; null without any. */
  Double timed(ToDoubleFunction<SpeedSummary> number) {
    return batches == null ? null : Double.valueOf(number.applyAsDouble(batches));
  }

  /** Over dense attention's; null without speed batches of both. */
  Double overDense(ToDoubleFunction<SpeedSummary> number) {
    return denseBatches == null
        ? null
        : Double.valueOf(number.applyAsDouble(batches) / number.applyAsDouble(denseBatches));
  }

  Double decodeSpeedup() {
    return overDense(speed -> speed.decodeThroughput().mean());
  }

  Double endToEndSpeedup() {
    return overDense(SpeedSummary::documentsPerHour);
  }

  /**
   * What was gained over dense attention, as the end of a sentence; empty without speed batches.
   */
  String speedups() {
    return decodeSpeedup() == null
        ? ""
        : (policy.keptWhole() || prefillSpeedup == null
                ? ""
                : ", prefill " + Format.number(prefillSpeedup.mean()) + "x")
            + ", decode "
            + Format.number(decodeSpeedup())
            + "x and "
            + Format.number(endToEndSpeedup())
            + "x end to end";
  }
}
