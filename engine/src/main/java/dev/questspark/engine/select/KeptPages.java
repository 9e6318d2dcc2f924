package dev.questspark.engine.select;

import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.select.prefix.KeptPrefix;
import dev.questspark.engine.select.prefix.PrefixSelector;
import dev.questspark.engine.select.prefix.WholePrefix;
import java.util.Optional;

/**
 * Lists the budget's sink pages and the most recent ones, whatever the query; under {@link
 * PageBudget#all} everything, which is dense attention.
 */
public final class KeptPages implements PageSelector {
  private final PageBudget budget;

  public KeptPages(PageBudget budget) {
    this.budget = budget;
  }

  @Override
  public void select(PageList list, Query query) {
    query.ops().keepPages(list, query.kv(), query.batch(), query.rows(), budget);
  }

  @Override
  public Optional<PrefixSelector> ofPrefix() {
    return Optional.of(budget.isAll() ? new WholePrefix() : new KeptPrefix(budget));
  }

  @Override
  public PageSelector wholeBelow(int contextTokens) {
    return new KeptPages(budget.wholeBelow(contextTokens));
  }
}
