package dev.questspark.engine.select.prefix;

import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.Scoring;
import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScore;

/** Its best units by the scores of their digests, one list per KV head. */
public final class ScoredPrefix implements PrefixSelector {
  private final PageScore score;
  private final GroupReduction reduction;
  private final PageBudget budget;

  public ScoredPrefix(PageScore score, GroupReduction reduction, PageBudget budget) {
    this.score = score;
    this.reduction = reduction;
    this.budget = budget;
  }

  @Override
  public boolean select(PageList list, Query query) {
    Scoring scoring = new Scoring(score, reduction, query.scale(), query.scores().heads());
    query
        .ops()
        .scorePrefix(
            query.scores().units(),
            query.q(),
            query.prefixes(),
            query.layer(),
            query.batch(),
            query.rows(),
            scoring,
            budget);
    query
        .ops()
        .topPrefix(
            list,
            query.scores().units(),
            query.prefixes(),
            query.layer(),
            query.batch(),
            query.rows(),
            budget);
    return true;
  }
}
