package dev.questspark.engine.select.prefill;

import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.TensorOps;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.select.AttentionLogits;

/**
 * Lists the key blocks that the segments of a step read, for each KV head of one layer. A list
 * depends on nothing but its document. Stateless; shared by all documents.
 */
public interface PrefillSelector {
  /** Lists every block. */
  PrefillSelector ALL = (list, query) -> query.ops().keepBlocks(list, Integer.MAX_VALUE, 0);

  /** Fills lists that have begun, all of them. */
  void select(BlockList list, Query query);

  /**
   * What a selector may look at.
   *
   * @param backend whose ops run
   * @param layer real index of the layer
   * @param q (R, Hq * D) rotated queries of the whole batch
   * @param kv the layer's pages, the segments' own keys among them
   * @param batch the step
   * @param logits what attention makes of q.k
   * @param scores (segments * Hkv, max blocks), memory for scores; what the layer before left in it
   *     for these segments is still there
   */
  record Query(
      Backend backend,
      int layer,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      AttentionLogits logits,
      Tensor scores) {

    /** The ops. */
    public TensorOps ops() {
      return backend.ops();
    }

    /** KV heads of the layer. */
    public int kvHeads() {
      return kv.geometry().kvHeads();
    }
  }
}
