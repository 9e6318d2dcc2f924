package dev.questspark.engine.ops.digest;

import java.util.Locale;

/**
 * How the scores of the query heads that share a KV head become one score per block, so that the
 * group reads one list.
 */
public enum GroupReduction {
  /** The best score of any head of the group; keeps an upper bound one for the group. */
  MAX,
  /** The sum over the group's heads, as sparse-frontier shares pages. */
  SUM,
  /**
   * The sum over the group's heads of each head's softmax over the row's scored blocks, of the
   * scores times attention's factor: a head counts by the share of its attention that it expects in
   * a block, not by the length of its query.
   */
  SOFTMAX;

  /** Where no other is named. */
  public static final String DEFAULT = "max";

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
