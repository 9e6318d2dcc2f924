package dev.questspark.engine.select.prefill;

import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.Segments;

/** Another selector's lists, but for the segment that ends a document, which reads every block. */
public final class DenseLastSegment implements PrefillSelector {
  private final PrefillSelector others;

  public DenseLastSegment(PrefillSelector others) {
    this.others = others;
  }

  @Override
  public void select(BlockList list, Query query) {
    others.select(list, query);
    Segments segments = list.segments();
    for (int segment = 0; segment < segments.count(); segment++) {
      if (segments.last(segment)) {
        int[] all = BlockRanges.all(segments.blocksBefore(segment));
        for (int kvHead = 0; kvHead < query.kvHeads(); kvHead++) {
          list.set(segment, kvHead, all);
        }
      }
    }
  }
}
