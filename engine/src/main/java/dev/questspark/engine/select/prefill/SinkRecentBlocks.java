package dev.questspark.engine.select.prefill;

import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.BlockShape;

/** The first blocks and the last ones before the segment, whatever the queries. */
public final class SinkRecentBlocks implements PrefillSelector {
  private final int sinkTokens;
  private final int recentTokens;

  /** Both in tokens, kept by whole blocks. */
  public SinkRecentBlocks(int sinkTokens, int recentTokens) {
    this.sinkTokens = sinkTokens;
    this.recentTokens = recentTokens;
  }

  @Override
  public void select(BlockList list, Query query) {
    BlockShape shape = list.segments().shape();
    query.ops().keepBlocks(list, shape.blocksOf(sinkTokens), shape.blocksOf(recentTokens));
  }
}
