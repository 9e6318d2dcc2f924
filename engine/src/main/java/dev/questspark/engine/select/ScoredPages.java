package dev.questspark.engine.select;

import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.Scoring;
import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.select.prefix.PrefixSelector;
import dev.questspark.engine.select.prefix.ScoredPrefix;
import java.util.Optional;

/**
 * Scores every digest block and lists the best ones, or the pages of the best ones, one list per KV
 * head.
 */
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
    Scoring scoring = new Scoring(score, reduction, query.scale(), query.scratch().headScores());
    query
        .ops()
        .scorePages(
            query.scratch().scores(),
            query.q(),
            query.kv(),
            query.batch(),
            query.rows(),
            scoring,
            budget);
    query
        .ops()
        .topPages(
            list,
            query.scratch().scores(),
            query.kv().geometry().digestBlockSize(),
            query.kv(),
            query.batch(),
            query.rows(),
            budget);
  }

  @Override
  public Optional<PrefixSelector> ofPrefix() {
    return Optional.of(new ScoredPrefix(score, reduction, budget));
  }

  @Override
  public PageSelector wholeBelow(int contextTokens) {
    return new ScoredPages(score, reduction, budget.wholeBelow(contextTokens));
  }
}
