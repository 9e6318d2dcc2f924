package dev.questspark.engine.select.prefill;

import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.BlockShape;
import dev.questspark.engine.ops.prefill.Segments;

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
    Segments segments = list.segments();
    BlockShape shape = segments.shape();
    int sink = shape.blocksOf(sinkTokens);
    int recent = shape.blocksOf(recentTokens);
    for (int segment = 0; segment < segments.count(); segment++) {
      int[] blocks = BlockRanges.ends(sink, recent, segments.blocksBefore(segment));
      for (int kvHead = 0; kvHead < query.kvHeads(); kvHead++) {
        list.set(segment, kvHead, blocks);
      }
    }
  }
}
