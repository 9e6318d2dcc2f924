package dev.questspark.engine.select;

import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.backend.Backend;
import java.util.Arrays;

/**
 * Some rows of a step in one layer, before they attend: their queries and the keys that they see.
 * Every look waits for the device. Valid during the call that hands it out only.
 */
public class AttentionRows {
  private final Backend backend;
  private final int layer;
  private final Tensor q;
  private final KvLayer kv;
  private final LoadedBatch batch;
  private final RowRange rows;
  private final AttentionLogits logits;

  /**
   * @param q (R, Hq * D) rotated queries of the whole batch
   * @param rows of the batch that can be seen
   */
  protected AttentionRows(
      Backend backend,
      int layer,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      RowRange rows,
      AttentionLogits logits) {
    this.backend = backend;
    this.layer = layer;
    this.q = q;
    this.kv = kv;
    this.batch = batch;
    this.rows = rows;
    this.logits = logits;
  }

  /** Index of the layer, from 0. */
  public int layer() {
    return layer;
  }

  /** Rows that can be seen, numbered from 0. */
  public int rows() {
    return rows.count();
  }

  /** Position of a row in its sequence. */
  public int position(int row) {
    return batch.host().positions()[rows.from() + row];
  }

  /** First position that a row sees: 0, or where its sliding window begins. */
  public int firstVisible(int row) {
    return kv.firstVisible(position(row));
  }

  /** Shape of the cache. */
  public KvGeometry geometry() {
    return kv.geometry();
  }

  /** Query heads. */
  public int heads() {
    return q.cols() / geometry().headDim();
  }

  /** What the softmax is over. */
  public AttentionLogits logits() {
    return logits;
  }

  /** A row's rotated queries (Hq * D). */
  public float[] queries(int row) {
    float[] queries = new float[q.cols()];
    backend.read(q, rows.from() + row, queries);
    return queries;
  }

  /** Keys of one KV head (position + 1, D), those left of the window included. */
  public float[] keys(int row, int kvHead) {
    KvGeometry geometry = geometry();
    RaggedBatch host = batch.host();
    int span = spanOf(host, rows.from() + row);
    int tokens = position(row) + 1;
    float[] keys = new float[tokens * geometry.headDim()];
    float[] page = new float[geometry.pageSize() * geometry.headDim()];
    for (int p = 0; p < geometry.pagesFor(tokens); p++) {
      backend.readKeys(kv, host.pageTable()[host.spanPages()[span] + p], kvHead, page);
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
}
