package dev.questspark.engine.select;

import dev.questspark.engine.ops.PageList;

/** What an {@link AttentionWatch} sees: some rows of one question in one layer. */
public final class AttentionView extends AttentionRows {
  private final PageSelector.Query query;
  private final PageList scratch;

  AttentionView(PageSelector.Query query, PageList scratch) {
    super(
        query.backend(),
        query.layer(),
        query.q(),
        query.kv(),
        query.batch(),
        query.rows(),
        query.logits());
    this.query = query;
    this.scratch = scratch;
  }

  /**
   * What a selector would list.
   *
   * @param unit tokens per entry
   * @param entries [row][KV head]: ascending entries, as in {@link PageList}
   */
  public record Listed(int unit, int[][][] entries) {}

  /** What a selector would list. */
  public Listed listed(PageSelector selector) {
    selector.select(scratch, query);
    int[][][] entries = new int[rows()][geometry().kvHeads()][];
    for (int row = 0; row < entries.length; row++) {
      for (int kvHead = 0; kvHead < entries[row].length; kvHead++) {
        entries[row][kvHead] = scratch.read(row, kvHead);
      }
    }
    return new Listed(scratch.unit(), entries);
  }
}
