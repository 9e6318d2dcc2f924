package dev.questspark.engine.ops.prefill;

/**
 * How a segment's queries score the key blocks before it, per KV head. Every score is a share of
 * weight: what it is of, the blocks and the segment's own keys, adds up to 1.
 */
public sealed interface BlockScoring {

  /**
   * The attention weight of a block, true but for being that of a few of the segment's rows, evenly
   * spaced: the mean over them and the group's query heads (SampleAttention, arXiv 2406.15486,
   * section 4, scores so single keys).
   *
   * @param rows at most; row i of n is the segment's row (2 i + 1) * (rows of the segment) / 2 n
   */
  record SampledRows(int rows) implements BlockScoring {}

  /**
   * Sums of q.k along antidiagonals (XAttention, arXiv 2503.16428, section 3.1): of {@code stride}
   * queries and as many keys, query s - 1 - i meets key i. Their mean, under the factor of q.k, is
   * the logit of a softmax over all pairs of strides up to the query's own; a block's score is the
   * mean weight over the segment's strides and the group's query heads. Tokens that fill no stride
   * at the segment's end do not take part.
   *
   * @param stride a divisor of the block
   */
  record Antidiagonal(int stride) implements BlockScoring {}

  /**
   * The query midway between the largest and the smallest of the segment, channel by channel,
   * against the largest and the smallest key of a block (CritiPrefill, arXiv 2409.12490, section
   * 3.2): max(m.kmax, m.kmin), the mean over the group's query heads, under a softmax over the
   * blocks before the segment.
   *
   * @param previous share of what stands in the scores, which are the layer's before, in the new
   *     ones; 0 to ignore it
   */
  record Midpoint(float previous) implements BlockScoring {}

  /** Rows that a segment must have to be scored. */
  default int fewestRows() {
    return this instanceof Antidiagonal strides ? strides.stride : 1;
  }
}
