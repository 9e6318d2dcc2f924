package dev.questspark.engine.policy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.PageBudget;

/** A budget in tokens, as users give it, in pages, as attention reads them. */
final class TokenBudget {
  private TokenBudget() {}

  /**
   * Tokens to pages. The recent tokens can touch one page more than their count fills, and the
   * current page is always read, so the smallest budget is sink pages + ceil(recent / pageSize) +
   * 1.
   *
   * @throws ConfigException if the budget is smaller
   */
  static PageBudget inPages(int budget, int sink, int recent, int pageSize) {
    int pages = budget / pageSize;
    int kept = ceilDiv(sink, pageSize) + ceilDiv(recent, pageSize) + 1;
    if (pages < kept) {
      throw new ConfigException(
          "kv_budget "
              + budget
              + " is "
              + pages
              + " pages of "
              + pageSize
              + " tokens, but "
              + sink
              + " sink and "
              + recent
              + " recent tokens and the current page alone keep "
              + kept
              + "; raise kv_budget to "
              + kept * pageSize
              + " or keep fewer");
    }
    return new PageBudget(pages, sink, recent, 0);
  }

  private static int ceilDiv(int tokens, int pageSize) {
    return (tokens + pageSize - 1) / pageSize;
  }
}
