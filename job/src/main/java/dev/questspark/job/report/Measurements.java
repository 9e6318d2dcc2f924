package dev.questspark.job.report;

import dev.questspark.job.eval.rows.PrefillRow;
import dev.questspark.job.eval.rows.QualityRow;
import dev.questspark.job.eval.rows.SelectionRow;
import dev.questspark.job.eval.rows.SpeedRow;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;

/** Everything measured, by policy. */
final class Measurements {
  final List<QualityRow> quality;
  final List<SpeedRow> speed;
  final List<SelectionRow> selection;
  final List<PrefillRow> prefill;
  final List<PolicySummary> summaries = new ArrayList<>();
  private final SortedMap<Policy, List<QualityRow>> qualityByPolicy;
  private final SortedMap<Policy, List<SpeedRow>> speedByPolicy;

  /** Without a study of prefills. */
  Measurements(List<QualityRow> quality, List<SpeedRow> speed, List<SelectionRow> selection) {
    this(quality, speed, selection, List.of());
  }

  Measurements(
      List<QualityRow> quality,
      List<SpeedRow> speed,
      List<SelectionRow> selection,
      List<PrefillRow> prefill) {
    this.prefill = prefill;
    this.quality = quality;
    this.speed = speed;
    this.selection = selection;
    this.qualityByPolicy = by(quality, row -> Policy.of(row.policy()));
    this.speedByPolicy = by(speed, row -> Policy.of(row.policy()));
    for (Policy policy : qualityByPolicy.keySet()) {
      summaries.add(summary(policy));
    }
  }

  private static <R> SortedMap<Policy, List<R>> by(List<R> rows, Function<R, Policy> policy) {
    return new TreeMap<>(rows.stream().collect(Collectors.groupingBy(policy)));
  }

  List<QualityRow> quality(Policy policy) {
    return qualityByPolicy.getOrDefault(policy, List.of());
  }

  List<SpeedRow> speed(Policy policy) {
    return speedByPolicy.getOrDefault(policy, List.of());
  }

  /** Of the selection alone; what a wrapper leaves dense makes no difference. */
  List<SelectionRow> selection(Policy policy) {
    String watched = policy.read().unwrapped().text();
    return selection.stream()
        .filter(
            row ->
                row.policy().policy().equals(watched)
                    && row.policy().cachePolicy().equals(policy.cachePolicy()))
        .toList();
  }

  /** What a cache policy's block lists kept, of watched documents. */
  List<PrefillRow> prefill(String cachePolicy) {
    return prefill.stream().filter(row -> row.cachePolicy().equals(cachePolicy)).toList();
  }

  List<Policy> policies() {
    return List.copyOf(qualityByPolicy.keySet());
  }

  /** Families in the order of their colours; dense first. */
  List<String> families() {
    return policies().stream().map(Policy::family).distinct().toList();
  }

  /** Cache policies in order, that of documents kept whole first. */
  List<String> cachePolicies() {
    return policies().stream().map(Policy::cachePolicy).distinct().toList();
  }

  /** Whether documents were prefilled anew under another cache policy. */
  boolean comparesCachePolicies() {
    return cachePolicies().size() > 1;
  }

  /** Prompt lengths that a suite aimed at, ascending. */
  List<Integer> lengths() {
    return quality.stream()
        .map(row -> row.question().lengthTokens())
        .filter(Objects::nonNull)
        .distinct()
        .sorted()
        .toList();
  }

  /** The answers of a policy at a prompt length, beside the reference's. */
  QualitySummary quality(Policy policy, int length) {
    return new QualitySummary(
        quality(policy).stream()
            .filter(row -> Integer.valueOf(length).equals(row.question().lengthTokens()))
            .toList(),
        reference());
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

  /** Whether windows were held against dense attention. */
  boolean diverged() {
    return summaries.stream().anyMatch(summary -> summary.kl() != null);
  }

  PolicySummary summary(Policy policy) {
    return new PolicySummary(
        policy,
        new QualitySummary(quality(policy), reference()),
        batches(policy),
        policies().stream().filter(Policy::reference).findFirst().map(this::batches).orElse(null),
        comparesCachePolicies(),
        selection(policy),
        prefill(policy.cachePolicy()));
  }

  private List<QualityRow> reference() {
    return policies().stream()
        .filter(Policy::reference)
        .findFirst()
        .map(this::quality)
        .orElse(List.of());
  }

  /** Null where no speed was measured. */
  private SpeedSummary batches(Policy policy) {
    return speed(policy).isEmpty() ? null : new SpeedSummary(speed(policy));
  }
}
