package dev.questspark.engine.ops;

/**
 * How many pages one (row, KV head) may attend to, and which are kept regardless of their score.
 *
 * <p>A row at position p sees c = p + 1 tokens in P = ceil(c / pageSize) pages. If c &lt; {@code
 * minContextTokens} or P &le; {@code pages}, all P are kept. Otherwise exactly {@code pages} are:
 * the current (last) page, the pages that hold the first {@code sinkTokens} tokens, the pages that
 * hold the last {@code recentTokens} tokens, and the best-scored of the rest, ties to the lowest
 * page. Under a sliding window only visible pages count. When the always-kept pages alone exceed
 * the budget, the current page comes first, then sink pages from the first on, then the most recent
 * ones. A NaN score ranks below all others.
 *
 * @param pages pages per (row, KV head), the current page included; at least 1
 * @param sinkTokens first tokens always kept; 0 for none
 * @param recentTokens last tokens always kept, the row's own included; 0 keeps only the current
 *     page
 * @param minContextTokens contexts shorter than this are read whole
 */
public record PageBudget(int pages, int sinkTokens, int recentTokens, int minContextTokens) {

  /** No limit. */
  public static final PageBudget ALL = new PageBudget(Integer.MAX_VALUE, 0, 0, 0);

  public PageBudget {
    if (pages < 1 || sinkTokens < 0 || recentTokens < 0 || minContextTokens < 0) {
      throw new IllegalArgumentException(
          "page budget: pages "
              + pages
              + ", sink "
              + sinkTokens
              + ", recent "
              + recentTokens
              + ", min context "
              + minContextTokens);
    }
  }

  /** The same for contexts of so many tokens and more; shorter ones are read whole. */
  public PageBudget wholeBelow(int contextTokens) {
    return new PageBudget(
        pages, sinkTokens, recentTokens, Math.max(minContextTokens, contextTokens));
  }

  /**
   * Whether a row reads all its visible pages.
   *
   * @param visiblePages pages that hold a position the row sees
   * @param contextTokens the row's position + 1
   */
  public boolean readsAll(int visiblePages, int contextTokens) {
    return visiblePages <= pages || contextTokens < minContextTokens;
  }
}
