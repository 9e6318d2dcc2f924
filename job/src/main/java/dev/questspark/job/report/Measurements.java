package dev.questspark.job.report;

import dev.questspark.job.eval.rows.QualityRow;
import dev.questspark.job.eval.rows.SelectionRow;
import dev.questspark.job.eval.rows.SpeedRow;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
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

  /** Whether windows were held against dense attention. */
  boolean diverged() {
    return summaries.stream().anyMatch(summary -> summary.kl() != null);
  }

  private PolicySummary summary(Policy policy) {
    List<QualityRow> dense =
        qualityByPolicy.entrySet().stream()
            .filter(entry -> entry.getKey().dense())
            .flatMap(entry -> entry.getValue().stream())
            .toList();
    return new PolicySummary(
        policy,
        new QualitySummary(quality(policy), dense),
        batches(policy),
        policies().stream().filter(Policy::dense).findFirst().map(this::batches).orElse(null),
        selection(policy));
  }

  /** Null where no speed was measured. */
  private SpeedSummary batches(Policy policy) {
    return speed(policy).isEmpty() ? null : new SpeedSummary(speed(policy));
  }
}
