package dev.questspark.engine.select;

import dev.questspark.engine.ops.GroupReduction;
import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.PageScore;

/** Scores every page by its digest and lists the best, one list per KV head. */
public final class ScoredPages implements PageSelector {
  private final PageScore score;
  private final GroupReduction reduction;
  private final PageBudget budget;

  public ScoredPages(PageScore score, GroupReduction reduction, PageBudget budget) {
    this.score = score;
    this.reduction = reduction;
    this.budget = budget;
  }

  @Override
  public void select(PageList list, Query query) {
    query
        .ops()
        .scorePages(
            query.scores(),
            query.q(),
            query.kv(),
            query.batch(),
            query.rows(),
            score,
            reduction,
            budget);
    query.ops().topPages(list, query.scores(), query.kv(), query.batch(), query.rows(), budget);
  }

  @Override
  public PageSelector wholeBelow(int contextTokens) {
    return new ScoredPages(score, reduction, budget.wholeBelow(contextTokens));
  }
}
