package dev.questspark.job.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** The smallest budget of each family that keeps the score within a stated loss. */
final class Recommendation {
  private Recommendation() {}

  /**
   * One sentence per family; none where nothing was scored.
   *
   * @param maxLoss of the score, 0 to 1, measured question by question against dense attention
   */
  static List<String> sentences(List<PolicySummary> summaries, double maxLoss) {
    Map<String, List<PolicySummary>> families =
        summaries.stream()
            .filter(summary -> summary.scoreMinusDense() != null)
            .collect(
                Collectors.groupingBy(
                    summary -> summary.policy().family(), LinkedHashMap::new, Collectors.toList()));
    List<String> sentences = new ArrayList<>();
    families.forEach(
        (family, budgets) ->
            sentences.add(
                budgets.stream()
                    .filter(summary -> summary.scoreMinusDense() >= -maxLoss)
                    .findFirst()
                    .map(summary -> found(family, summary, maxLoss))
                    .orElse(
                        family
                            + ": no measured budget stays within "
                            + Format.number(100 * maxLoss)
                            + " points of dense attention.")));
    return sentences;
  }

  private static String found(String family, PolicySummary summary, double maxLoss) {
    String sure =
        summary.scoreMinusDenseLow() >= -maxLoss
            ? ""
            : "; the interval reaches lower, so more questions would make it surer";
    String speed =
        summary.decodeSpeedup() == null
            ? ""
            : ", decode "
                + Format.number(summary.decodeSpeedup())
                + "x and "
                + Format.number(summary.endToEndSpeedup())
                + "x end to end";
    return family
        + ": a budget of "
        + summary.kvBudget()
        + " tokens stays within "
        + Format.number(100 * maxLoss)
        + " points of dense attention ("
        + Format.points(summary.scoreMinusDense())
        + ", 95 % interval "
        + Format.points(summary.scoreMinusDenseLow())
        + " to "
        + Format.points(summary.scoreMinusDenseHigh())
        + sure
        + "), reading "
        + Format.percent(summary.kvReadShare())
        + " of the KV"
        + speed
        + ".";
  }
}
