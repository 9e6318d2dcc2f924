package dev.questspark.engine.ops.prefix;

import dev.questspark.engine.ops.PageBudget;

/**
 * What one (row, KV head) reads of a prefix under a {@link PageBudget}: of its units the first
 * {@code sink}, the last {@code recent}, and the best {@code best} between them.
 *
 * @param units of the prefix
 */
public record PrefixBudget(int units, int sink, int best, int recent) {

  /**
   * Divides a budget.
   *
   * @param slots of the prefix
   * @param suffix tokens that the row sees after the prefix, its own included
   * @param contextTokens tokens that both stand for
   */
  public static PrefixBudget of(PageBudget budget, int slots, int suffix, int contextTokens) {
    int units = ceil(slots, budget.unit());
    int after = ceil(suffix, budget.unit());
    if (budget.readsAll(units + after, contextTokens)) {
      return new PrefixBudget(units, units, 0, 0);
    }
    int left = Math.min(units, Math.max(1, budget.units() - after));
    int sink = Math.min(ceil(budget.sinkTokens(), budget.unit()), left);
    int reach = Math.max(0, budget.recentTokens() - suffix); // back from the prefix's end
    int first = Math.max(0, slots - reach) / budget.unit();
    int recent = reach == 0 ? 0 : Math.min(units - first, left - sink);
    return new PrefixBudget(units, sink, left - sink - recent, recent);
  }

  private static int ceil(int tokens, int unit) {
    return (int) (((long) tokens + unit - 1) / unit);
  }

  /** Units read. */
  public int read() {
    return sink + best + recent;
  }

  /** Whether all are. */
  public boolean readsAll() {
    return read() == units;
  }
}
