package dev.questspark.engine.policy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.PageBudget;

/** A budget in tokens, as users give it, in the units that attention reads. */
final class TokenBudget {
  private TokenBudget() {}

  /**
   * Tokens to units. The recent tokens can touch one unit more than their count fills, and the
   * current unit is always read, so the smallest budget is sink units + ceil(recent / unit) + 1.
   *
   * @param unit tokens per unit
   * @throws ConfigException if the budget is smaller
   */
  static PageBudget in(int unit, int budget, int sink, int recent) {
    int units = budget / unit;
    int kept = ceilDiv(sink, unit) + ceilDiv(recent, unit) + 1;
    if (units < kept) {
      throw new ConfigException(
          "kv_budget "
              + budget
              + " is "
              + units
              + (units == 1 ? " unit of " : " units of ")
              + unit
              + " tokens, but "
              + sink
              + " sink and "
              + recent
              + " recent tokens and the current unit alone keep "
              + kept
              + "; raise kv_budget to "
              + kept * unit
              + " or keep fewer");
    }
    return new PageBudget(unit, units, sink, recent, 0);
  }

  private static int ceilDiv(int tokens, int unit) {
    return (tokens + unit - 1) / unit;
  }
}
