package dev.questspark.engine.select.prefill;

import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.BlockShape;
import dev.questspark.engine.ops.prefill.Segments;

/**
 * Some KV heads read the first and the last blocks before the segment, the others something else.
 */
public final class HeadwiseBlocks implements PrefillSelector {
  private final PrefillSelector others;
  private final Streaming streaming;
  private final int sinkTokens;
  private final int recentTokens;

  /** Says which KV heads read the ends alone. */
  @FunctionalInterface
  public interface Streaming {
    boolean at(int layer, int kvHead);
  }

  /** Tokens are kept by whole blocks. */
  public HeadwiseBlocks(
      PrefillSelector others, Streaming streaming, int sinkTokens, int recentTokens) {
    this.others = others;
    this.streaming = streaming;
    this.sinkTokens = sinkTokens;
    this.recentTokens = recentTokens;
  }

  @Override
  public void select(BlockList list, Query query) {
    others.select(list, query);
    Segments segments = list.segments();
    BlockShape shape = segments.shape();
    int sink = shape.blocksOf(sinkTokens);
    int recent = shape.blocksOf(recentTokens);
    for (int segment = 0; segment < segments.count(); segment++) {
      int[] ends = BlockRanges.ends(sink, recent, segments.blocksBefore(segment));
      for (int kvHead = 0; kvHead < query.kvHeads(); kvHead++) {
        if (streaming.at(query.layer(), kvHead)) {
          list.set(segment, kvHead, ends);
        }
      }
    }
  }
}
