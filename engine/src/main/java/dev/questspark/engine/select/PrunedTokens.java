package dev.questspark.engine.select;

import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.prune.TokenPruning;

/** Lists those tokens of another selector's pages that reach a share of their estimated weight. */
public final class PrunedTokens implements PageSelector {
  private final PageSelector candidates;
  private final TokenPruning pruning;

  public PrunedTokens(PageSelector candidates, TokenPruning pruning) {
    this.candidates = candidates;
    this.pruning = pruning;
  }

  @Override
  public void select(PageList list, Query query) {
    candidates.select(list, query);
    query
        .ops()
        .pruneTokens(
            list, query.q(), query.kv(), query.batch(), query.rows(), pruning, query.scale());
  }

  @Override
  public PageSelector wholeBelow(int contextTokens) {
    return new PrunedTokens(
        candidates.wholeBelow(contextTokens), pruning.wholeBelow(contextTokens));
  }
}
