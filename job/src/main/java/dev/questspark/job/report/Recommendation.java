package dev.questspark.job.report;

import dev.questspark.job.options.MeasureOptions.Allowed;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** The smallest budget of each family that keeps the score within a stated loss. */
final class Recommendation {
  /** A layer that keeps less of its attention mass is worth leaving dense. */
  private static final double LITTLE_MASS = 0.9;

  private Recommendation() {}

  /**
   * One sentence per family, or why there can be none: by the score, or by the divergence of
   * windows. Nothing for perplexity, which has no score, and where nothing was compared with dense
   * attention.
   *
   * @param allowed what a budget may cost, measured question by question or window by window
   */
  static List<String> sentences(Measurements measurements, Allowed allowed) {
    boolean compares = measurements.summaries.stream().anyMatch(it -> !it.policy().reference());
    if (compares && measurements.diverged()) {
      return DivergenceAdvice.sentences(measurements, allowed.kl());
    }
    if (!compares || measurements.perplexity()) {
      return List.of();
    }
    double maxLoss = allowed.qualityLoss();
    Optional<String> none = withoutReference(measurements);
    if (none.isPresent()) {
      return List.of(none.get());
    }
    Map<String, List<PolicySummary>> families =
        measurements.summaries.stream()
            .filter(summary -> summary.scoreMinusDense() != null)
            .collect(
                Collectors.groupingBy(
                    summary -> summary.policy().family(), LinkedHashMap::new, Collectors.toList()));
    List<String> sentences = new ArrayList<>();
    families.forEach(
        (family, budgets) -> {
          Optional<PolicySummary> enough =
              budgets.stream()
                  .filter(summary -> summary.scoreMinusDense().mean() >= -maxLoss)
                  .findFirst();
          sentences.add(
              enough
                  .map(summary -> found(family, summary, maxLoss))
                  .orElseGet(() -> none(family, budgets, maxLoss)));
          enough.flatMap(summary -> layers(measurements, summary)).ifPresent(sentences::add);
        });
    return sentences;
  }

  /** Why no budget can be measured against dense attention. */
  private static Optional<String> withoutReference(Measurements measurements) {
    String none = "No budget is recommended: ";
    if (measurements.summaries.stream().noneMatch(it -> it.scoreMinusDense() != null)) {
      boolean answered =
          measurements.summaries.stream().anyMatch(it -> it.errors() < it.questions());
      return Optional.of(
          none
              + (answered
                  ? "no answer has a score; reference answers (--answer-col) would give one, and --suite"
                      + " divergence recommends a budget without any."
                  : "no question was answered."));
    }
    return measurements.summaries.stream()
        .filter(it -> it.policy().reference() && it.score() != null && it.score().mean() == 0)
        .findFirst()
        .map(
            dense ->
                none
                    + "dense attention itself scores 0 on every question, so that no budget could"
                    + " score less.");
  }

  /** Which layers lose most at a budget, and whether leaving the first ones dense would help. */
  private static Optional<String> layers(Measurements measurements, PolicySummary summary) {
    SortedMap<Integer, Double> masses =
        measurements.selection(summary.policy()).stream()
            .collect(
                Collectors.groupingBy(
                    row -> row.kept().layer(),
                    TreeMap::new,
                    Collectors.averagingDouble(row -> row.kept().attentionMass())));
    if (masses.isEmpty()) {
      return Optional.empty();
    }
    int least = masses.entrySet().stream().min(Map.Entry.comparingByValue()).orElseThrow().getKey();
    int leading = 0;
    while (masses.getOrDefault(leading, 1.0) < LITTLE_MASS) {
      leading++;
    }
    String sentence =
        "There the layers keep "
            + Format.percent(summary.attentionMass().mean())
            + " of the attention mass, the least of them, layer "
            + least
            + ", "
            + Format.percent(masses.get(least));
    return Optional.of(
        leading == 0 || leading == masses.size()
            ? sentence + "."
            : sentence
                + "; --sparse-skip-layers "
                + leading
                + " would leave dense the first layers, which keep less than "
                + Format.percent(LITTLE_MASS)
                + " each.");
  }

  private static String none(String family, List<PolicySummary> budgets, double maxLoss) {
    if (budgets.stream().anyMatch(summary -> summary.policy().kvBudget() != null)) {
      return family
          + ": no measured budget stays within "
          + Format.number(100 * maxLoss)
          + " points of dense attention.";
    }
    Interval difference = budgets.get(0).scoreMinusDense();
    return family
        + ": it does not stay within "
        + Format.number(100 * maxLoss)
        + " points of dense attention ("
        + Format.points(difference.mean())
        + interval(difference)
        + ").";
  }

  private static String interval(Interval difference) {
    return difference.low() == null
        ? "; too few questions for an interval"
        : ", 95 % interval "
            + Format.points(difference.low())
            + " to "
            + Format.points(difference.high());
  }

  private static String found(String family, PolicySummary summary, double maxLoss) {
    Interval difference = summary.scoreMinusDense();
    String interval =
        interval(difference)
            + (difference.low() == null || difference.low() >= -maxLoss
                ? ""
                : "; the interval reaches lower, so more questions would make it surer");
    return family
        + (summary.policy().kvBudget() == null
            ? ": it stays within "
            : ": a budget of " + summary.policy().kvBudget() + " tokens stays within ")
        + Format.number(100 * maxLoss)
        + " points of dense attention ("
        + Format.points(difference.mean())
        + interval
        + "), reading "
        + Format.percent(summary.kvReadShare())
        + " of the KV"
        + summary.speedups()
        + ".";
  }
}
