package dev.questspark.job.report;

import dev.questspark.job.eval.QualityRow;
import dev.questspark.job.eval.SpeedRow;
import java.util.Comparator;

/**
 * What was compared: selector, budget, page score, dense layers. Sorts dense first, then by family
 * and budget.
 */
record Policy(String selector, int kvBudget, String pageScore, int skipLayers)
    implements Comparable<Policy> {
  private static final Comparator<Policy> ORDER =
      Comparator.comparing((Policy policy) -> !policy.dense())
          .thenComparing(Policy::selector)
          .thenComparing(Policy::pageScore)
          .thenComparing(Policy::skipLayers)
          .thenComparing(Policy::kvBudget);

  static Policy of(QualityRow row) {
    return new Policy(row.selector(), row.kvBudget(), row.pageScore(), row.sparseSkipLayers());
  }

  static Policy of(SpeedRow row) {
    return new Policy(row.selector(), row.kvBudget(), row.pageScore(), row.sparseSkipLayers());
  }

  boolean dense() {
    return selector.equals("all");
  }

  /** All budgets of one way to select: what a line in a plot joins. */
  String family() {
    if (dense()) {
      return "dense";
    }
    String scored = selector.equals("quest") ? " " + pageScore : "";
    return selector + scored + (skipLayers > 0 ? ", " + skipLayers + " dense layers" : "");
  }

  String budget() {
    return dense() ? "full" : String.valueOf(kvBudget);
  }

  @Override
  public int compareTo(Policy other) {
    return ORDER.compare(this, other);
  }
}
