package dev.questspark.engine.select;

import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.backend.Backend;
import java.util.Arrays;

/**
 * What an {@link AttentionWatch} sees: some rows of one question in one layer, before they attend.
 * Every look waits for the device. Valid during the call only.
 */
public final class AttentionView {
  private final PageSelector.Query query;
  private final PageList scratch;

  AttentionView(PageSelector.Query query, PageList scratch) {
    this.query = query;
    this.scratch = scratch;
  }

  /** Index of the layer, from 0. */
  public int layer() {
    return query.layer();
  }

  /** Rows that can be seen, numbered from 0. */
  public int rows() {
    return query.rows().count();
  }

  /** Position of a row in its sequence. */
  public int position(int row) {
    return query.batch().host().positions()[query.rows().from() + row];
  }

  /** First position that a row sees: 0, or where its sliding window begins. */
  public int firstVisible(int row) {
    return query.kv().firstVisible(position(row));
  }

  /** Shape of the cache. */
  public KvGeometry geometry() {
    return query.kv().geometry();
  }

  /** Query heads. */
  public int heads() {
    return query.q().cols() / geometry().headDim();
  }

  /** What the softmax is over. */
  public AttentionLogits logits() {
    return query.logits();
  }

  /** A row's rotated queries (Hq * D). */
  public float[] queries(int row) {
    float[] queries = new float[query.q().cols()];
    query.backend().read(query.q(), query.rows().from() + row, queries);
    return queries;
  }

  /** Keys of one KV head (position + 1, D), those left of the window included. */
  public float[] keys(int row, int kvHead) {
    KvGeometry geometry = geometry();
    Backend backend = query.backend();
    RaggedBatch batch = query.batch().host();
    int span = spanOf(batch, query.rows().from() + row);
    int tokens = position(row) + 1;
    float[] keys = new float[tokens * geometry.headDim()];
    float[] page = new float[geometry.pageSize() * geometry.headDim()];
    for (int p = 0; p < geometry.pagesFor(tokens); p++) {
      backend.readKeys(query.kv(), batch.pageTable()[batch.spanPages()[span] + p], kvHead, page);
      int at = p * page.length;
      System.arraycopy(page, 0, keys, at, Math.min(page.length, keys.length - at));
    }
    return keys;
  }

  private static int spanOf(RaggedBatch batch, int row) {
    int span = Arrays.binarySearch(batch.spanRows(), row);
    span = span >= 0 ? span : -span - 2;
    while (batch.spanRows()[span + 1] == row) { // spans without rows
      span++;
    }
    return span;
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
