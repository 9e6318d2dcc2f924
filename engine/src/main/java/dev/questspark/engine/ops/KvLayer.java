package dev.questspark.engine.ops;

import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.prune.Int4Keys;
import java.util.Map;
import java.util.Optional;

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
 * @param int4Keys the keys once more in 4 bits, where the run estimates with them: (pages *
 *     kvHeads, {@link Int4Keys#columns}) bytes
 */
public record KvLayer(
    KvGeometry geometry,
    Tensor keys,
    Tensor values,
    Map<PageScore, Tensor> digests,
    int window,
    Optional<Tensor> int4Keys) {

  /** A layer without keys in 4 bits. */
  public KvLayer(
      KvGeometry geometry, Tensor keys, Tensor values, Map<PageScore, Tensor> digests, int window) {
    this(geometry, keys, values, digests, window, Optional.empty());
  }

  /** First position that a row at {@code position} sees. */
  public int firstVisible(int position) {
    return window == 0 ? 0 : Math.max(0, position - window + 1);
  }
}
