package dev.questspark.engine.ops.cpu.attention;

import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.prefill.BlockBudget;
import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.BlockScoring;
import dev.questspark.engine.ops.prefill.Segments;
import dev.questspark.engine.ops.prefill.TileSkipping;

/** How this backend attends many rows: on oneDNN where its library loads, else in Java. */
public interface PrefillAttention {
  /** See {@link dev.questspark.engine.ops.TensorOps#attendPrefill}. */
  void attendPrefill(
      Tensor out,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      int fromSpan,
      int toSpan,
      float scale,
      float cap);

  /** The same with block lists. */
  void attendPrefill(
      Tensor out,
      Tensor logSumExp,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      BlockList list,
      TileSkipping skipping,
      float scale,
      float cap);

  /** See {@link dev.questspark.engine.ops.TensorOps#scoreBlocks}. */
  void scoreBlocks(
      Tensor scores,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      Segments segments,
      BlockScoring scoring,
      BlockBudget budget,
      float scale,
      float cap);
}
