package dev.questspark.engine.select.prefill;

import dev.questspark.engine.ops.prefill.BlockBudget;
import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.BlockScoring;

/** Scores the blocks before each segment and lists the best ones, one list per KV head. */
public final class ScoredBlocks implements PrefillSelector {
  private final BlockScoring scoring;
  private final BlockBudget budget;

  public ScoredBlocks(BlockScoring scoring, BlockBudget budget) {
    this.scoring = scoring;
    this.budget = budget;
  }

  @Override
  public void select(BlockList list, Query query) {
    query
        .ops()
        .scoreBlocks(
            query.scores(),
            query.q(),
            query.kv(),
            query.batch(),
            list.segments(),
            scoring,
            budget,
            query.logits().scale(),
            query.logits().cap());
    query.ops().topBlocks(list, query.scores(), budget, scoring.fewestRows());
  }
}
