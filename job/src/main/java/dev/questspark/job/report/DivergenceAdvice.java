package dev.questspark.job.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The smallest budget of each family whose next-token distributions stay near dense attention's,
 * and what that does not tell.
 */
final class DivergenceAdvice {
  private DivergenceAdvice() {}

  /**
   * What the recommendation goes by, then one sentence per family.
   *
   * @param maxKl nats, mean over the windows' rows
   */
  static List<String> sentences(Measurements measurements, double maxKl) {
    List<String> sentences = new ArrayList<>();
    sentences.add(
        String.format(
            Locale.ROOT,
            "Windows have no expected answers, so budgets are recommended by their KL from dense"
                + " attention, at most %s nats (--max-kl): text drawn from dense attention then has a"
                + " perplexity at most %s higher under the policy.",
            kl(maxKl),
            Format.percent(Math.expm1(maxKl))));
    Map<String, List<PolicySummary>> families =
        measurements.summaries.stream()
            .filter(summary -> summary.kl() != null && !summary.policy().reference())
            .collect(
                Collectors.groupingBy(
                    summary -> summary.policy().family(), LinkedHashMap::new, Collectors.toList()));
    families.forEach(
        (family, budgets) -> {
          Optional<PolicySummary> enough =
              budgets.stream().filter(summary -> summary.kl().mean() <= maxKl).findFirst();
          sentences.add(
              enough
                  .map(summary -> found(family, summary, maxKl))
                  .orElseGet(() -> none(family, budgets, maxKl)));
        });
    return sentences;
  }

  private static String found(String family, PolicySummary summary, double maxKl) {
    Interval kl = summary.kl();
    String interval =
        kl.low() == null
            ? "; too few windows for an interval"
            : ", 95 % interval "
                + kl(kl.low())
                + " to "
                + kl(kl.high())
                + (kl.high() <= maxKl
                    ? ""
                    : "; the interval reaches higher, so more windows would make it surer");
    return family
        + (summary.policy().kvBudget() == null
            ? ": it has a KL of "
            : ": a budget of " + summary.policy().kvBudget() + " tokens has a KL of ")
        + kl(kl.mean())
        + " ("
        + Format.percent(summary.sameArgmax().mean())
        + " of the most probable tokens are the same"
        + interval
        + "), reading "
        + Format.percent(summary.kvReadShare())
        + " of the KV"
        + summary.speedups()
        + ".";
  }

  private static String none(String family, List<PolicySummary> budgets, double maxKl) {
    double least = budgets.stream().mapToDouble(it -> it.kl().mean()).min().orElseThrow();
    boolean budgeted = budgets.stream().anyMatch(it -> it.policy().kvBudget() != null);
    return family
        + (budgeted
            ? ": no measured budget has a KL of at most "
            : ": it does not have a KL of at most ")
        + kl(maxKl)
        + (budgeted ? "; the least is " : "; its own is ")
        + kl(least)
        + ".";
  }

  /** The warning that belongs to every divergence; nothing where none was measured. */
  static List<String> unseen(Measurements measurements) {
    return measurements.diverged()
        ? List.of(
            "KL alone forgives a policy that loses a single fact of a document: on book text, half of"
                + " a cache kept by SnapKV has a KL of 0.012 and finds 0 of 2 passkeys. Put eval"
                + " --suite passkey beside it before you choose.")
        : List.of();
  }

  private static String kl(double nats) {
    return String.format(Locale.ROOT, "%.4f", nats);
  }
}
