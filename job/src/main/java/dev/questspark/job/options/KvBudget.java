package dev.questspark.job.options;

import java.io.Serializable;

/**
 * One element of {@code kv_budgets}.
 *
 * @param tokens at least 1; null for {@code full}
 */
public record KvBudget(Integer tokens) implements Serializable {
  /**
   * Reads one element.
   *
   * @throws IllegalArgumentException when it is neither {@code full} nor a number of at least 1
   */
  public static KvBudget parse(String text) {
    if (text.equalsIgnoreCase("full")) {
      return new KvBudget(null);
    }
    int tokens = Integer.parseInt(text);
    if (tokens < 1) {
      throw new IllegalArgumentException(text);
    }
    return new KvBudget(tokens);
  }

  /** Whether everything is read. */
  public boolean full() {
    return tokens == null;
  }
}
