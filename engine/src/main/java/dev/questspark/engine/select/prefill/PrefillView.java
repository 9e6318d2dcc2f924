package dev.questspark.engine.select.prefill;

import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.Segments;
import dev.questspark.engine.select.AttentionRows;

/**
 * What a {@link PrefillWatch} sees: the segments of one document in one step and layer. Its rows
 * are numbered from the first segment's first on.
 */
public final class PrefillView extends AttentionRows {
  private final BlockList list;

  PrefillView(PrefillSelector.Query query, BlockList list) {
    super(
        query.backend(),
        query.layer(),
        query.q(),
        query.kv(),
        query.batch(),
        new RowRange(list.segments().rows()[0], list.segments().rows()[list.segments().count()]),
        query.logits());
    this.list = list;
  }

  /** The segments. */
  public Segments segments() {
    return list.segments();
  }

  /** Index of a segment's first row. */
  public int firstRow(int segment) {
    return segments().rows()[segment] - segments().rows()[0];
  }

  /** The blocks before a segment that its rows read for a KV head, ascending. */
  public int[] listed(int segment, int kvHead) {
    return list.read(segment, kvHead);
  }
}
