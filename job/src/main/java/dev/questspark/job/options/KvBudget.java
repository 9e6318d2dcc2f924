package dev.questspark.job.options;

import dev.questspark.engine.select.SelectorSpec;

/**
 * One element of {@code kv_budgets}.
 *
 * @param tokens at least 1, or {@link SelectorSpec#FULL}
 */
public record KvBudget(int tokens) {
  static KvBudget parse(String text) {
    if (text.equalsIgnoreCase("full")) {
      return new KvBudget(SelectorSpec.FULL);
    }
    return new KvBudget(OptionKey.checked(Integer.valueOf(text), tokens -> tokens >= 1));
  }

  /** Whether everything is read. */
  public boolean full() {
    return tokens == SelectorSpec.FULL;
  }
}
