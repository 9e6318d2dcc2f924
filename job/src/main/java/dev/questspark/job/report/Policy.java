package dev.questspark.job.report;

import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.job.answer.PolicyColumns;
import java.util.Comparator;

/**
 * What was compared, as the tables name it. Sorts documents that are kept whole first, then by
 * cache policy; within it dense first, then by family and budget.
 *
 * @param text canonical
 * @param cachePolicy canonical text
 */
record Policy(String text, String cachePolicy) implements Comparable<Policy> {
  private static final Comparator<Policy> ORDER =
      Comparator.comparing((Policy policy) -> !policy.keptWhole())
          .thenComparing(Policy::cachePolicy)
          .thenComparing(policy -> !policy.dense())
          .thenComparing(Policy::family)
          .thenComparing(policy -> policy.read().kvBudget().orElse(Integer.MAX_VALUE))
          .thenComparing(Policy::text);

  static Policy of(PolicyColumns columns) {
    return new Policy(columns.policy(), columns.cachePolicy());
  }

  ReadPolicy read() {
    return ReadPolicy.parse(text);
  }

  CachePolicy cache() {
    return CachePolicy.parse(cachePolicy);
  }

  /** Whether a question reads all that there is of the document. */
  boolean dense() {
    return read().dense();
  }

  /** Whether all of the document is computed and kept. */
  boolean keptWhole() {
    return cache().equals(CachePolicy.NONE);
  }

  /** What everything is compared with. */
  boolean reference() {
    return keptWhole() && dense();
  }

  /** All budgets of one way to select: what a line in a plot joins. */
  String family() {
    return under(read().family());
  }

  /** In a few words. */
  String label() {
    return under(read().label());
  }

  private String under(String text) {
    return keptWhole() ? text : text + " under " + cache().label();
  }

  /** Tokens; null without a fixed number. */
  Integer kvBudget() {
    return read().kvBudget().isPresent() ? read().kvBudget().getAsInt() : null;
  }

  /** What a plot writes beside a point: the budget, and the cache policy where there is one. */
  String mark() {
    if (!keptWhole()) {
      return dense() ? cache().label() : budget() + " under " + cache().label();
    }
    return budget();
  }

  private String budget() {
    return dense() ? "full" : kvBudget() == null ? "adaptive" : String.valueOf(kvBudget());
  }

  @Override
  public int compareTo(Policy other) {
    return ORDER.compare(this, other);
  }
}
