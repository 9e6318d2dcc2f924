package dev.questspark.engine.ops;

import java.util.Locale;

/**
 * How the scores of the query heads that share a KV head become one score per page, so that the
 * group reads one list.
 */
public enum GroupReduction {
  /**
   * The best score of any head of the group; keeps {@link PageScore#MINMAX} an upper bound for the
   * group.
   */
  MAX,
  /** The sum over the group's heads, as sparse-frontier shares pages. */
  SUM;

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
