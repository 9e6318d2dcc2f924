package dev.questspark.engine.ops;

import dev.questspark.engine.ops.digest.PageScore;
import java.util.Map;

/**
 * One layer's pages, as the ops see them. See {@link KvGeometry} for the memory order.
 *
 * @param geometry shape and dtype
 * @param keys (pages * kvHeads * pageSize, headDim), post-RoPE; inside a page in the backend's
 *     {@link KeyOrder}
 * @param values (pages * kvHeads * pageSize, headDim)
 * @param digests the digest pairs that the run keeps: (pages * blocks * kvHeads, {@link
 *     KvGeometry#digestColumns})
 * @param window sliding window in tokens: a row at position p sees positions above p - window; 0
 *     for none
 */
public record KvLayer(
    KvGeometry geometry, Tensor keys, Tensor values, Map<PageScore, Tensor> digests, int window) {

  /** First position that a row at {@code position} sees. */
  public int firstVisible(int position) {
    return window == 0 ? 0 : Math.max(0, position - window + 1);
  }
}
