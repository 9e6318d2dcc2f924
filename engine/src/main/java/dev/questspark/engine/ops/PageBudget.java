package dev.questspark.engine.ops;

/**
 * How much one (row, KV head) may attend to, and what is kept regardless of its score. It counts in
 * units of {@code unit} consecutive tokens, a divisor of the page size: whole pages, digest blocks,
 * or single tokens. Unit u stands for positions [u * unit, (u + 1) * unit).
 *
 * <p>A row at position p sees c = p + 1 tokens in U = ceil(c / unit) units. If c &lt; {@code
 * minContextTokens} or U &le; {@code units}, all U are kept. Otherwise exactly {@code units} are:
 * the current (last) unit, those that hold the first {@code sinkTokens} tokens, those that hold the
 * last {@code recentTokens} tokens, and the best-scored of the rest, ties to the lowest. Under a
 * sliding window only visible units count. When what is always kept exceeds the budget, the current
 * unit comes first, then the sink's from the first on, then the most recent ones. A NaN score ranks
 * below all others.
 *
 * @param unit tokens per unit
 * @param units units per (row, KV head), the current one included; at least 1
 * @param sinkTokens first tokens always kept; 0 for none
 * @param recentTokens last tokens always kept, the row's own included; 0 keeps only the current
 *     unit
 * @param minContextTokens contexts shorter than this are read whole
 */
public record PageBudget(
    int unit, int units, int sinkTokens, int recentTokens, int minContextTokens) {

  public PageBudget {
    if (unit < 1 || units < 1 || sinkTokens < 0 || recentTokens < 0 || minContextTokens < 0) {
      throw new IllegalArgumentException(
          "page budget: unit "
              + unit
              + ", units "
              + units
              + ", sink "
              + sinkTokens
              + ", recent "
              + recentTokens
              + ", min context "
              + minContextTokens);
    }
  }

  /** No limit. */
  public static PageBudget all(int unit) {
    return new PageBudget(unit, Integer.MAX_VALUE, 0, 0, 0);
  }

  /** Whether it is {@link #all}. */
  public boolean isAll() {
    return units == Integer.MAX_VALUE;
  }

  /** The same for contexts of so many tokens and more; shorter ones are read whole. */
  public PageBudget wholeBelow(int contextTokens) {
    return new PageBudget(
        unit, units, sinkTokens, recentTokens, Math.max(minContextTokens, contextTokens));
  }

  /**
   * Whether a row reads all that it sees.
   *
   * @param visibleUnits units that hold a position the row sees
   * @param contextTokens the row's position + 1
   */
  public boolean readsAll(int visibleUnits, int contextTokens) {
    return visibleUnits <= units || contextTokens < minContextTokens;
  }

  /**
   * The same for a row whose window may hide its first positions.
   *
   * @param firstVisible first position that the row sees
   * @param position the row's own
   */
  public boolean readsAllFrom(int firstVisible, int position) {
    return readsAll(position / unit - firstVisible / unit + 1, position + 1);
  }

  /** Requires that pages divide into this budget's units. */
  public void requireDivides(int pageSize) {
    if (pageSize % unit != 0) {
      throw new IllegalArgumentException(
          "lists of units of " + unit + " tokens over pages of " + pageSize);
    }
  }
}
