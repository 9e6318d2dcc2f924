package dev.questspark.engine.select.prefill;

import dev.questspark.engine.ops.prefill.BlockList;

/** Lists the blocks that another selector lists, and lets somebody look at them. */
public final class WatchedBlocks implements PrefillSelector {
  private final PrefillWatch watch;
  private final PrefillSelector selector;

  public WatchedBlocks(PrefillWatch watch, PrefillSelector selector) {
    this.watch = watch;
    this.selector = selector;
  }

  @Override
  public void select(BlockList list, Query query) {
    selector.select(list, query);
    watch.see(new PrefillView(query, list));
  }
}
