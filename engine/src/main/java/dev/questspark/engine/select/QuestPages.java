package dev.questspark.engine.select;

import dev.questspark.engine.ops.GroupReduction;
import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.PageScore;

/**
 * Quest (arXiv 2406.10774, section 3): score every page by its digest, read the best. Where we
 * differ: one list per KV head instead of per query head, so that grouped-query models really read
 * fewer bytes; sink and recent tokens may be kept; scores stay in float.
 */
final class QuestPages implements PageSelector {
  private final PageScore score;
  private final GroupReduction reduction;
  private final PageBudget budget;

  QuestPages(PageScore score, GroupReduction reduction, PageBudget budget) {
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
}
