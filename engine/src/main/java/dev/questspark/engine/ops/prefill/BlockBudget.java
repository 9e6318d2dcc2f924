package dev.questspark.engine.ops.prefill;

/**
 * How many of the blocks before a segment are listed: the first block and the best others, up to a
 * number or until they and the segment's own keys reach a share of the weight.
 *
 * @param blocks at most, the first one included, at least 1; {@link Integer#MAX_VALUE} for no limit
 * @param share of the weight that is enough, above 0; 1 for all of it
 * @param denseBelow segments that begin before this position read every block
 * @param denseEnd so does the segment that ends a document
 */
public record BlockBudget(int blocks, double share, int denseBelow, boolean denseEnd) {

  /** All of the weight. Weights are added as integers: their order changes nothing. */
  public static final long WHOLE = 1L << 50;

  /** A weight, of which {@link #WHOLE} is all. */
  public static long parts(double weight) {
    return (long) (weight * WHOLE);
  }

  /** Parts of the weight that are enough; more than there are where no share is. */
  public long enough() {
    return share >= 1 ? 1L << 62 : parts(share);
  }

  /**
   * Whether a segment reads every block before it, so that nothing need be scored.
   *
   * @param fewestRows that can be scored
   */
  public boolean readsAll(Segments segments, int segment, int fewestRows) {
    return allAreEnough(segments.blocksBefore(segment))
        || segments.starts()[segment] < denseBelow
        || denseEnd && segments.last(segment)
        || segments.rowsOf(segment) < fewestRows;
  }

  private boolean allAreEnough(int before) {
    return before <= 1 || before <= blocks && (share >= 1 || blocks < Integer.MAX_VALUE);
  }
}
