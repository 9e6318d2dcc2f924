package dev.questspark.engine.ops;

import java.util.Locale;

/**
 * How a page's digest is turned into a score for a query q. Both read one pair of vectors per page.
 */
public enum PageScore {
  /**
   * Channelwise minimum m and maximum M of the page's keys; score = sum_i max(q_i m_i, q_i M_i), an
   * upper bound of q.k over the page (Quest, arXiv 2406.10774, section 3.3).
   */
  MINMAX,
  /**
   * Channelwise mean and standard deviation (population) of the page's keys; score = sum_i (q_i
   * mean_i + |q_i| std_i). The same pair of vectors and the same arithmetic as {@link #MINMAX}, but
   * an estimate, not a bound (UNIQUE, arXiv 2605.27740).
   */
  MEANSTD;

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
