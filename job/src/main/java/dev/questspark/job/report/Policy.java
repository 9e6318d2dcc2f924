package dev.questspark.job.report;

import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.job.answer.PolicyColumns;
import java.util.Comparator;

/**
 * What was compared, as the tables name it. Sorts dense first, then by family and budget.
 *
 * @param text canonical
 * @param cachePolicy canonical text
 */
record Policy(String text, String cachePolicy) implements Comparable<Policy> {
  private static final Comparator<Policy> ORDER =
      Comparator.comparing((Policy policy) -> !policy.dense())
          .thenComparing(Policy::family)
          .thenComparing(policy -> policy.read().kvBudget().orElse(Integer.MAX_VALUE))
          .thenComparing(Policy::text)
          .thenComparing(Policy::cachePolicy);

  static Policy of(PolicyColumns columns) {
    return new Policy(columns.policy(), columns.cachePolicy());
  }

  ReadPolicy read() {
    return ReadPolicy.parse(text);
  }

  boolean dense() {
    return read().dense();
  }

  /** All budgets of one way to select: what a line in a plot joins. */
  String family() {
    return read().family();
  }

  /** In a few words. */
  String label() {
    return read().label();
  }

  /** Tokens; null without a fixed number. */
  Integer kvBudget() {
    return read().kvBudget().isPresent() ? read().kvBudget().getAsInt() : null;
  }

  /** The budget as a plot shows it. */
  String budget() {
    return dense() ? "full" : kvBudget() == null ? "adaptive" : String.valueOf(kvBudget());
  }

  @Override
  public int compareTo(Policy other) {
    return ORDER.compare(this, other);
  }
}
