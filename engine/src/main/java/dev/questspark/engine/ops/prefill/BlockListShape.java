package dev.questspark.engine.ops.prefill;

/**
 * What a {@link BlockList} has room for.
 *
 * @param maxSegments segments
 * @param kvHeads KV heads
 * @param maxBlocks blocks per segment and KV head
 */
public record BlockListShape(int maxSegments, int kvHeads, int maxBlocks) {

  /** Lists: one per (segment, KV head). */
  public int lists() {
    return Math.multiplyExact(maxSegments, kvHeads);
  }

  /** Entries of all lists together. */
  public long entries() {
    return (long) lists() * maxBlocks;
  }

  /** Requires room for so many segments. */
  public void requireSegments(int segments) {
    if (segments > maxSegments) {
      throw new IllegalArgumentException(
          "block lists of " + maxSegments + " segments for " + segments);
    }
  }

  /**
   * Requires ascending blocks before a segment, and room for them.
   *
   * @param before blocks before the segment
   */
  public void requireBlocks(int[] blocks, int before) {
    if (blocks.length > maxBlocks) {
      throw new IllegalArgumentException(
          blocks.length + " blocks for lists of " + maxBlocks + " at most");
    }
    for (int i = 0; i < blocks.length; i++) {
      if (blocks[i] < 0 || blocks[i] >= before || i > 0 && blocks[i] <= blocks[i - 1]) {
        throw new IllegalArgumentException(
            "block "
                + blocks[i]
                + " at place "
                + i
                + " is not one of "
                + before
                + " in ascending order");
      }
    }
  }
}
