package dev.questspark.engine.select;

import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.PageList;

/**
 * The kept set of StreamingLLM (arXiv 2309.17453): the first tokens and the last ones, whatever the
 * query. The negative control: it cannot find a fact in the middle. Keeps whole pages: those of the
 * sink tokens, and the most recent ones up to the budget.
 */
final class SinkRecentPages implements PageSelector {
  private final PageBudget budget;

  SinkRecentPages(PageBudget budget) {
    this.budget = budget;
  }

  @Override
  public void select(PageList list, Query query) {
    query.ops().keepPages(list, query.kv(), query.batch(), query.rows(), budget);
  }
}
