package dev.questspark.engine.select;

import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.PageList;

/** Dense attention: every page. */
final class AllPages implements PageSelector {
  @Override
  public void select(PageList list, Query query) {
    query.ops().keepPages(list, query.kv(), query.batch(), query.rows(), PageBudget.ALL);
  }
}
