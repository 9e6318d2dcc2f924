package dev.questspark.job.report;

import dev.questspark.job.eval.QualityRow;
import dev.questspark.job.eval.SelectionRow;
import dev.questspark.job.eval.SpeedRow;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/** Everything measured, by policy. */
final class Measurements {
  final List<QualityRow> quality;
  final List<SpeedRow> speed;
  final List<SelectionRow> selection;
  final List<PolicySummary> summaries = new ArrayList<>();
  private final SortedMap<Policy, List<QualityRow>> qualityByPolicy;
  private final SortedMap<Policy, List<SpeedRow>> speedByPolicy;

  Measurements(List<QualityRow> quality, List<SpeedRow> speed, List<SelectionRow> selection) {
    this.quality = quality;
    this.speed = speed;
    this.selection = selection;
    this.qualityByPolicy = by(quality, Policy::of);
    this.speedByPolicy = by(speed, Policy::of);
    for (Policy policy : qualityByPolicy.keySet()) {
      summaries.add(summary(policy));
    }
  }

  private static <R> SortedMap<Policy, List<R>> by(List<R> rows, Function<R, Policy> policy) {
    return rows.stream().collect(Collectors.groupingBy(policy, TreeMap::new, Collectors.toList()));
  }

  List<QualityRow> quality(Policy policy) {
    return qualityByPolicy.getOrDefault(policy, List.of());
  }

  List<SpeedRow> speed(Policy policy) {
    return speedByPolicy.getOrDefault(policy, List.of());
  }

  /** Of a policy's budget and score; its dense layers make no difference. */
  List<SelectionRow> selection(Policy policy) {
    return selection.stream()
        .filter(
            row ->
                row.selector().equals(policy.selector())
                    && row.kvBudget() == policy.kvBudget()
                    && row.pageScore().equals(policy.pageScore()))
        .toList();
  }

  /** Means of every watched document, then over documents; null where none was watched. */
  private static Interval byDocument(
      List<SelectionRow> rows, ToDoubleFunction<SelectionRow> share) {
    List<Double> means =
        rows.stream()
            .collect(
                Collectors.groupingBy(
                    SelectionRow::docId, TreeMap::new, Collectors.averagingDouble(share)))
            .values()
            .stream()
            .toList();
    return means.isEmpty() ? null : Interval.mean(means).within(0, 1);
  }

  List<Policy> policies() {
    return List.copyOf(qualityByPolicy.keySet());
  }

  /** Families in the order of their colours; dense first. */
  List<String> families() {
    return policies().stream().map(Policy::family).distinct().toList();
  }

  boolean timed() {
    return !speed.isEmpty();
  }

  boolean scored() {
    return summaries.stream().anyMatch(summary -> summary.score() != null);
  }

  boolean perplexity() {
    return summaries.stream().anyMatch(summary -> summary.perplexity() != null);
  }

  private PolicySummary summary(Policy policy) {
    List<QualityRow> dense =
        qualityByPolicy.entrySet().stream()
            .filter(entry -> entry.getKey().dense())
            .flatMap(entry -> entry.getValue().stream())
            .toList();
    QualitySummary answers = new QualitySummary(quality(policy), dense);
    Interval score = answers.score();
    Interval difference = policy.dense() ? null : answers.scoreMinusDense();
    Interval perplexity = answers.perplexity();
    Interval overDense = policy.dense() ? null : answers.perplexityOverDense();
    boolean timed = !speed(policy).isEmpty();
    SpeedSummary batches = timed ? new SpeedSummary(speed(policy)) : null;
    SpeedSummary denseBatches =
        speedByPolicy.entrySet().stream()
            .filter(entry -> entry.getKey().dense())
            .map(entry -> new SpeedSummary(entry.getValue()))
            .findFirst()
            .orElse(null);
    boolean compared = timed && denseBatches != null;
    Interval mass = byDocument(selection(policy), SelectionRow::attentionMass);
    Interval decode = timed ? batches.decodeThroughput() : null;
    return new PolicySummary(
        policy.selector(),
        policy.kvBudget(),
        policy.pageScore(),
        policy.skipLayers(),
        answers.questions(),
        answers.errors(),
        part(score, Interval::mean),
        part(score, Interval::low),
        part(score, Interval::high),
        part(difference, Interval::mean),
        part(difference, Interval::low),
        part(difference, Interval::high),
        answers.textAgreement(),
        answers.tokenAgreement(),
        part(perplexity, Interval::mean),
        part(perplexity, Interval::low),
        part(perplexity, Interval::high),
        part(overDense, Interval::mean),
        part(overDense, Interval::low),
        part(overDense, Interval::high),
        timed ? Double.valueOf(batches.kvReadShare()) : answers.kvReadShare(),
        part(mass, Interval::mean),
        part(mass, Interval::low),
        part(mass, Interval::high),
        part(byDocument(selection(policy), SelectionRow::topTokenRecall), Interval::mean),
        timed ? batches.repetitions() : 0,
        part(decode, Interval::mean),
        part(decode, Interval::low),
        part(decode, Interval::high),
        compared ? decode.mean() / denseBatches.decodeThroughput().mean() : null,
        timed ? batches.tpotMs() : null,
        timed ? batches.prefillThroughput() : null,
        timed ? batches.questionThroughput() : null,
        timed ? batches.documentsPerHour() : null,
        timed ? batches.documentsPerHourCeiling() : null,
        compared ? batches.documentsPerHour() / denseBatches.documentsPerHour() : null,
        timed ? batches.deviceHoursPerBillionTokens() : null);
  }

  private static Double part(Interval interval, Function<Interval, Double> part) {
    return interval == null ? null : part.apply(interval);
  }
}
