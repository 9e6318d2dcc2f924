package dev.questspark.engine.ops.prefill;

/**
 * How document rows and their keys are divided, both from the document's first token on.
 *
 * @param segment rows that share one block list per KV head
 * @param block tokens of a key block, a divisor of {@code segment}
 */
public record BlockShape(int segment, int block) {
  /** Tokens of the largest block. */
  public static final int LARGEST_BLOCK = 32;

  public BlockShape {
    if (block < 1 || block > LARGEST_BLOCK || segment < 1 || segment % block != 0) {
      throw new IllegalArgumentException(
          "segments of " + segment + " rows and blocks of " + block + " tokens do not fit");
    }
  }

  /**
   * Blocks that a row sees.
   *
   * @param firstVisible first position that it sees
   */
  public int visible(int position, int firstVisible) {
    return position / block - firstVisible / block + 1;
  }

  /** Segments of a step, at most, of so many rows that belong to so many documents. */
  public int segmentsOf(int rows, int documents) {
    return Math.min(rows, rows / segment + documents);
  }

  /** Blocks that hold so many tokens. */
  public int blocksOf(int tokens) {
    return (tokens + block - 1) / block;
  }
}
