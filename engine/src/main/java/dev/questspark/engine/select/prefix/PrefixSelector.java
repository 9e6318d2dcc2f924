package dev.questspark.engine.select.prefix;

import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.prefix.PrefixOps;
import dev.questspark.engine.ops.prefix.PrefixRows;
import java.util.Optional;

/** Decides, for each row and KV head of one layer, what attention reads of the row's prefix. */
public interface PrefixSelector {

  /**
   * Fills {@code list} for the rows of {@code query}, in units of slots.
   *
   * @return false if every row reads all of its prefix, and the list means nothing
   */
  boolean select(PageList list, Query query);

  /**
   * What a selector may look at.
   *
   * @param layer real index of the layer
   * @param q (R, Hq * D) rotated queries of the whole batch
   * @param prefixes of the rows, among others
   * @param batch the step
   * @param rows rows to select for; row {@code rows.from()} is row 0 of the list
   * @param scale attention's factor of q.k
   * @param scores memory for them
   */
  record Query(
      PrefixOps ops,
      int layer,
      Tensor q,
      PrefixRows prefixes,
      LoadedBatch batch,
      RowRange rows,
      float scale,
      Scores scores) {}

  /**
   * Memory for scores.
   *
   * @param units (rows * Hkv, units)
   * @param heads as {@link dev.questspark.engine.ops.Scoring#headScores}
   */
  record Scores(Tensor units, Optional<Tensor> heads) {}
}
