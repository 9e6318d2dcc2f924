package dev.questspark.engine.select.prefill;

import dev.questspark.engine.ops.prefill.BlockBudget;
import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.BlockScoring;

/**
 * CritiPrefill's selection (arXiv 2409.12490): the first layer reads everything, the second one
 * scores, and each that follows mixes its scores with those of the layer before.
 */
public final class MidpointBlocks implements PrefillSelector {
  private final PrefillSelector firstScored;
  private final PrefillSelector others;

  /**
   * @param previous share of the layer before in a layer's scores
   */
  public MidpointBlocks(float previous, BlockBudget budget) {
    this.firstScored = new ScoredBlocks(new BlockScoring.Midpoint(0), budget);
    this.others = new ScoredBlocks(new BlockScoring.Midpoint(previous), budget);
  }

  @Override
  public void select(BlockList list, Query query) {
    PrefillSelector selector = query.layer() == 0 ? ALL : query.layer() == 1 ? firstScored : others;
    selector.select(list, query);
  }
}
