package dev.questspark.engine.select;

import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.TensorOps;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.select.prefix.PrefixSelector;
import java.util.Optional;

/**
 * Decides, for each row and KV head of one layer, what attention reads. Stateless; shared by all
 * rows.
 */
public interface PageSelector {

  /** Fills {@code list} for the rows of {@code query}. */
  void select(PageList list, Query query);

  /** The same, except that rows with a shorter context than so many tokens read every page. */
  PageSelector wholeBelow(int contextTokens);

  /**
   * What reads a prefix in the same way, where the document is in a prefix store; empty if nothing
   * does.
   */
  default Optional<PrefixSelector> ofPrefix() {
    return Optional.empty();
  }

  /**
   * What a selector may look at.
   *
   * @param backend whose ops run
   * @param layer real index of the layer
   * @param q (R, Hq * D) rotated queries of the whole batch
   * @param kv the layer's pages
   * @param batch the step
   * @param rows rows to select for; row {@code rows.from()} is row 0 of the list
   * @param logits what attention makes of q.k
   * @param scratch memory for scores
   */
  record Query(
      Backend backend,
      int layer,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      RowRange rows,
      AttentionLogits logits,
      Scratch scratch) {

    /** Attention's factor of q.k. */
    public float scale() {
      return logits.scale();
    }

    /** The ops. */
    public TensorOps ops() {
      return backend.ops();
    }
  }

  /**
   * Memory for scores.
   *
   * @param scores (rows * Hkv, max units)
   * @param headScores (rows * Hq, max units), where the engine was opened with it
   */
  record Scratch(Tensor scores, Optional<Tensor> headScores) {}
}
