package dev.questspark.engine.ops.prefix;

import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Scoring;
import dev.questspark.engine.ops.Tensor;

/**
 * The ops on prefixes, beside {@link dev.questspark.engine.ops.TensorOps} and by the same rules:
 * they write into a given output, allocate nothing on the device, and a row's result does not
 * depend on the other rows.
 *
 * <p>An entry of a {@link PageList} is here a unit of consecutive slots of the row's prefix of one
 * KV head. The keys and values after the prefix, in live pages, are always read; so a budget counts
 * a row's position + 1 tokens of them first, and the prefix has what is left, but at least one
 * unit.
 */
public interface PrefixOps {

  /**
   * Copies kept tokens of one layer from live pages to the layer's pages of a table, encodes them,
   * and makes the digests of what is then stored. A head's tokens are stored in the order of its
   * list.
   *
   * @param table whose slots are the lengths of the lists
   * @param layer index of {@code kv}
   * @param livePages page ids of the document, in order
   * @param kept of the whole model
   */
  void compressPages(
      PrefixPages prefix,
      PrefixTable table,
      KvLayer kv,
      int layer,
      int[] livePages,
      KeptSlots kept);

  /**
   * The most attention that rows of one sequence give the keys of a chunk: scores[h, p] becomes the
   * largest of what it was and the softmax of scale * q.k at position chunk.from() + p, over the
   * rows and the query heads that share KV head h. The softmax is over the first positions, the
   * chunk, and what the row sees from {@code ownFrom} on (KVzip, arXiv 2505.23416, equation 2).
   *
   * @param scores (Hkv, at least chunk.count())
   * @param q (R, Hq * D), rotated; indexed by batch row
   * @param first positions before the chunk's that count
   * @param chunk positions
   * @param ownFrom a position behind the chunk
   */
  void columnMax(
      Tensor scores,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      RowRange rows,
      int first,
      RowRange chunk,
      int ownFrom,
      float scale,
      float cap);

  /**
   * Scores every tile of each row's prefix, per KV head, as {@link
   * dev.questspark.engine.ops.TensorOps#scorePages} scores digest blocks. Rows whose budget lets a
   * head read its prefix whole are not scored for it. Counts digests scored.
   *
   * @param scores (rows.count * Hkv, max tiles)
   * @param q (R, Hq * D), rotated; indexed by batch row
   */
  void scorePrefix(
      Tensor scores,
      Tensor q,
      PrefixRows prefixes,
      int layer,
      LoadedBatch batch,
      RowRange rows,
      Scoring scoring,
      PageBudget budget);

  /**
   * Fills the list with the best units within the budget: those that hold the first {@code
   * sinkTokens} slots, those that hold what the last {@code recentTokens} reach of the prefix, and
   * the best of the rest; the score of a unit is the best of its tiles. What is always kept is cut
   * to the budget: sinks first, then the last units.
   *
   * @param scores as {@link #scorePrefix} fills it
   */
  void topPrefix(
      PageList list,
      Tensor scores,
      PrefixRows prefixes,
      int layer,
      LoadedBatch batch,
      RowRange rows,
      PageBudget budget);

  /** Fills the list without looking at scores: sinks, then the last units within the budget. */
  void keepPrefix(
      PageList list,
      PrefixRows prefixes,
      int layer,
      LoadedBatch batch,
      RowRange rows,
      PageBudget budget);

  /**
   * Attention of each row over the listed units of its prefix, all of whose slots it sees, merged
   * into the attention over what follows the prefix: out and logSumExp hold that before, and the
   * whole after. Rows of one document with equal lists share the reading of it, with the same bits.
   * The same slots give the same bits in units of every size. Counts entries and tokens attended,
   * for every row.
   *
   * @param out (R, Hq * D), indexed by batch row, as {@code q} is
   * @param logSumExp (R, Hq)
   */
  void attendPrefix(
      Tensor out,
      Tensor logSumExp,
      Tensor q,
      PrefixRows prefixes,
      int layer,
      LoadedBatch batch,
      RowRange rows,
      PageList list,
      float scale,
      float cap);

  /** The same over all of each row's prefix. */
  void attendPrefix(
      Tensor out,
      Tensor logSumExp,
      Tensor q,
      PrefixRows prefixes,
      int layer,
      LoadedBatch batch,
      RowRange rows,
      float scale,
      float cap);
}
