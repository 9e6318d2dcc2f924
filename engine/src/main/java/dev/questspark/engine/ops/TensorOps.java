package dev.questspark.engine.ops;

import dev.questspark.engine.ops.prefill.BlockBudget;
import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.BlockScoring;
import dev.questspark.engine.ops.prefill.Segments;
import dev.questspark.engine.ops.prefill.TileSkipping;
import dev.questspark.engine.ops.prune.TokenPruning;

/**
 * The seam between the model and the hardware: about two dozen ops, each one CUDA file, one CPU
 * method and one contract test of the same name.
 *
 * <p>Every op takes a ragged batch, writes into a given output, allocates nothing and does not wait
 * for the device. Letters: R rows (tokens of the step), H hidden size, N and K features, Hq query
 * heads, Hkv KV heads, G = Hq / Hkv query heads per KV head, D head_dim, S page size in tokens.
 *
 * <p>With {@code batch_invariant}, a row's result does not depend on the other rows of the batch
 * nor on where it stands among them: reductions run in a fixed order.
 */
public interface TensorOps {

  /** out (R, H) = table (vocabulary, H) at each row's token id. */
  void embed(Tensor out, Tensor table, LoadedBatch batch);

  /**
   * Root-mean-square norm over groups of {@code weight.cols()} channels: x (R, g * C), weight (1,
   * C). With g = 1 the layer norm, with g = heads and C = D the per-head query and key norm of
   * Qwen3. {@code out} may be {@code x}. Sums in float.
   */
  void rmsNorm(Tensor out, Tensor x, Tensor weight, float eps);

  /**
   * x += y, the residual connection, then out = rmsNorm(x), the norm that follows it: all (R, C),
   * weight (1, C). The norm sees x as it is stored. {@code out} may be {@code y}.
   */
  void addRmsNorm(Tensor out, Tensor x, Tensor y, Tensor weight, float eps);

  /** x *= factor: (R, C). */
  void scale(Tensor x, float factor);

  /** x += y: (R, C), the residual connection where no norm follows. */
  void add(Tensor x, Tensor y);

  /**
   * Layer norm (arXiv 1607.06450): x (R, C) less its mean, over its standard deviation, by weight
   * (1, C), plus bias (1, C). {@code out} may be {@code x}. Sums in float.
   */
  void layerNorm(Tensor out, Tensor x, Tensor weight, Tensor bias, float eps);

  /** out (R, N) = x (R, K) . weight (N, K)^T + bias. */
  void linear(Tensor out, Tensor x, LinearWeight weight);

  /**
   * Rotates q in place, rotates k, appends k and v to the pages of each row's sequence, and
   * refreshes the digests of every block touched and the 4-bit keys (recomputed from the block's
   * keys in token order, so that they are bit-equal however the tokens came), in the cache's dtype
   * or in 8 bits ({@link KvGeometry}).
   *
   * @param q (R, Hq * D), rotated in place
   * @param k (R, Hkv * D), may be overwritten
   * @param v (R, Hkv * D)
   * @param rope (max_model_len, D): [cos | sin] of D/2 angles each, scaling folded in; channel i
   *     pairs with i + D/2
   */
  void appendKv(KvLayer kv, Tensor q, Tensor k, Tensor v, Tensor rope, LoadedBatch batch);

  /**
   * Copies whole pages (keys, values, digests, 4-bit keys) inside a layer: page {@code from[i]} to
   * page {@code to[i]}.
   */
  void copyPages(KvLayer kv, int[] from, int[] to);

  /**
   * Scores every digest block that holds a position the row sees and lies wholly before the row's
   * current unit ({@link PageBudget}), per KV head, in float: the {@link Scoring#score} for each of
   * the group's G query heads, reduced by its {@link Scoring#reduction}. The current unit needs no
   * score (it is always kept), so the result does not depend on how a sequence was cut into chunks.
   * Rows that the budget lets read whole are not scored. Counts digests scored.
   *
   * @param scores ((rows.count) * Hkv, max blocks); entry (r * Hkv + h, block), with blocks counted
   *     from the sequence's first token; the other entries are unspecified
   * @param q (R, Hq * D), rotated; indexed by batch row
   * @param budget whose unit is one or more whole blocks
   */
  void scorePages(
      Tensor scores,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      RowRange rows,
      Scoring scoring,
      PageBudget budget);

  /**
   * Fills the list with the exact top units by score within the budget; see {@link PageBudget} for
   * the rules. The score of a unit is the best of its parts that hold a position the row sees.
   *
   * @param scores ((rows.count) * Hkv, max parts), as {@link #scorePages} fills it
   * @param scoredTokens tokens that share a score, which divide the budget's unit: the digest block
   *     after {@link #scorePages}
   */
  void topPages(
      PageList list,
      Tensor scores,
      int scoredTokens,
      KvLayer kv,
      LoadedBatch batch,
      RowRange rows,
      PageBudget budget);

  /**
   * Fills the list without looking at scores: the budget's sink units, then the most recent visible
   * ones until the budget is full (the current one always). {@link PageBudget#all} keeps everything
   * visible: dense attention.
   */
  void keepPages(PageList list, KvLayer kv, LoadedBatch batch, RowRange rows, PageBudget budget);

  /**
   * Narrows each list, of units of any size, to single tokens: for each query head the fewest
   * listed tokens that the row sees whose weights reach {@link TokenPruning#share} of the weight of
   * all of them, ties to the lowest position, and of these the union over the query heads that
   * share the KV head. A weight is exp(scale * q.k) with the layer's 4-bit keys, in float. What is
   * always kept, floor and ceiling come then, by the largest share that a token has of any head.
   * Twilight's pruner (arXiv 2502.02770, section 4), but for one list per KV head. Counts tokens
   * estimated; those of rows that keep everything are not.
   *
   * @param q (R, Hq * D), rotated; indexed by batch row
   * @param scale of q.k before the softmax
   */
  void pruneTokens(
      PageList list,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      RowRange rows,
      TokenPruning pruning,
      float scale);

  /**
   * Attention of each row over its listed units: softmax(scale * q.k) v over the visible positions
   * at most the row's own. Dense decode is this op with all pages. The same positions give the same
   * bits in units of every size. Counts entries and tokens attended. With a cap, cap * tanh(scale *
   * q.k / cap) stands in the place of scale * q.k (Gemma 2, arXiv 2408.00118, section 2).
   *
   * @param out (R, Hq * D), indexed by batch row
   * @param logSumExp (R, Hq): log of the sum of exp(scale * q.k), for {@link #mergeAttention}
   * @param q (R, Hq * D), rotated
   * @param cap 0 for none
   */
  void attendPages(
      Tensor out,
      Tensor logSumExp,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      RowRange rows,
      PageList list,
      float scale,
      float cap);

  /** The same without a cap. */
  default void attendPages(
      Tensor out,
      Tensor logSumExp,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      RowRange rows,
      PageList list,
      float scale) {
    attendPages(out, logSumExp, q, kv, batch, rows, list, scale, 0);
  }

  /**
   * Dense causal attention of the rows of spans [fromSpan, toSpan) over their sequences' pages, the
   * rows' own keys included (they were appended before). {@code out} (R, Hq * D) and {@code q} are
   * indexed by batch row. {@code cap} as in {@link #attendPages}.
   */
  void attendPrefill(
      Tensor out,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      int fromSpan,
      int toSpan,
      float scale,
      float cap);

  /** The same without a cap. */
  default void attendPrefill(
      Tensor out, Tensor q, KvLayer kv, LoadedBatch batch, int fromSpan, int toSpan, float scale) {
    attendPrefill(out, q, kv, batch, fromSpan, toSpan, scale, 0);
  }

  /**
   * Causal attention of the list's segments: each row over the blocks that its segment's list names
   * and it sees, and over the keys of its segment up to its own. A list of all blocks is dense
   * attention, to the bit. The rows' own keys were appended before. Counts blocks computed, for
   * each query head.
   *
   * @param out (R, Hq * D), indexed by batch row, as {@code q} is
   * @param logSumExp (R, Hq): log of the sum of exp(scale * q.k) over the keys read
   * @param list filled for this batch
   * @param skipping tiles of what is listed that are left out
   */
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

  /**
   * Fills the list, which has begun, without looking at scores: the first blocks and the last ones
   * before each segment. With as many as there are it is every block.
   */
  void keepBlocks(BlockList list, int first, int last);

  /**
   * Scores the key blocks before each segment, per KV head: {@link BlockScoring} says how. Segments
   * that the budget lets read everything are not scored.
   *
   * @param scores (segments * Hkv, max blocks); entry (s * Hkv + h, block), with blocks counted
   *     from the document's first token; entries of other blocks are unspecified
   * @param q (R, Hq * D), rotated; indexed by batch row
   * @param scale of q.k before the softmax
   * @param cap as in {@link #attendPages}
   */
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

  /**
   * Fills the list, which has begun, with the best blocks within the budget; ties to the lower
   * block. The first block counts as better than any.
   *
   * @param scores as {@link #scoreBlocks} fills it: shares of weight, of which a segment's own keys
   *     have the rest
   * @param fewestRows of a segment that was scored
   */
  void topBlocks(BlockList list, Tensor scores, BlockBudget budget, int fewestRows);

  /**
   * How much attention each key gets from given rows of one sequence, per query head: mass[h, p] is
   * the sum over the rows of softmax(scale * q.k) at position p, over all positions that the row
   * sees, in the order of the rows. Where the mass has fewer columns than there are positions, the
   * further ones have a share in the softmax and no column.
   *
   * @param mass (Hq, columns) of float
   * @param logSumExp (R, Hq): as of {@link #attendPages}
   * @param q (R, Hq * D), rotated; indexed by batch row
   * @param cap as in {@link #attendPages}
   * @param add to what the mass holds; otherwise in its place
   */
  void columnMass(
      Tensor mass,
      Tensor logSumExp,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      RowRange rows,
      float scale,
      float cap,
      boolean add);

  /**
   * Merges two attention states over disjoint key sets into the first: out (R, Hq * D), logSumExp
   * (R, Hq). An empty state has logSumExp = -infinity and any finite output.
   */
  void mergeAttention(Tensor out, Tensor logSumExp, Tensor otherOut, Tensor otherLogSumExp);

  /** out (R, I) = silu(gate) * up, with gateUp (R, 2 * I) = [gate | up]. */
  void siluMul(Tensor out, Tensor gateUp);

  /** out (R, I) = gelu(gate) * up, in the approximation with tanh; as {@link #siluMul}. */
  void geluMul(Tensor out, Tensor gateUp);

  /**
   * The activation xIELU in place, x (R, I): square * x^2 + slope * x above zero, exponential *
   * (exp(x) - 1 - x) + slope * x below (arXiv 2411.13010). With (1, 0, 0) it is the squared ReLU.
   */
  void xielu(Tensor x, float square, float exponential, float slope);

  /** x = cap * tanh(x / cap) in place: (R, C) of float. */
  void softCap(Tensor x, float cap);

  /**
   * The experts that each row passes: the k of the largest logits, the first of equal ones.
   *
   * @param choice (R, 2 * k) of float: the experts' numbers, best first, then their weights
   * @param logits (R, E) of float
   * @param normalise weights are a softmax over the k chosen, not over all E
   */
  void routeExperts(Tensor choice, Tensor logits, boolean normalise);

  /**
   * Rows through their experts: row r * k + j of out (R * k, N) is row r of x through the j-th
   * expert that {@code choice} (R, 2 * k) names.
   *
   * @param x (R, K), or (R * k, K): a row for each expert
   * @param experts (E * N, K), packed as experts
   */
  void linearExperts(Tensor out, Tensor x, Tensor choice, LinearWeight experts);

  /** out (R, H) = the sum of rows r * k + j of x (R * k, H) by the weights of {@code choice}. */
  void mixExperts(Tensor out, Tensor x, Tensor choice);

  /** out (logit rows, H) = x (R, H) at the batch's {@code logitRows}. */
  void gatherRows(Tensor out, Tensor x, LoadedBatch batch);
}
