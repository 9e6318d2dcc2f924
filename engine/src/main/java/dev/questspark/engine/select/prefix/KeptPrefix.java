package dev.questspark.engine.select.prefix;

import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.PageList;

/** Its first and its last units, whatever the query. */
public final class KeptPrefix implements PrefixSelector {
  private final PageBudget budget;

  public KeptPrefix(PageBudget budget) {
    this.budget = budget;
  }

  @Override
  public boolean select(PageList list, Query query) {
    query
        .ops()
        .keepPrefix(list, query.prefixes(), query.layer(), query.batch(), query.rows(), budget);
    return true;
  }
}
