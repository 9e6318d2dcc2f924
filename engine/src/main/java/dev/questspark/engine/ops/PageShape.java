package dev.questspark.engine.ops;

import dev.questspark.engine.failure.ConfigException;

/**
 * How tokens are divided: a page holds whole digest blocks.
 *
 * @param pageSize tokens per page
 * @param digestBlockSize tokens that share a digest
 */
public record PageShape(int pageSize, int digestBlockSize) {

  /** Tokens of an automatic block whose digest has 8 bits: as many bytes per token as 16 in 16. */
  private static final int AUTOMATIC = 8;

  public PageShape {
    if (digestBlockSize < 1 || pageSize % digestBlockSize != 0) {
      throw new ConfigException(
          "digest_block_size is "
              + digestBlockSize
              + ", which does not divide page_size "
              + pageSize
              + "; use a divisor of it, or 0 for automatic");
    }
  }

  /**
   * The shape that options mean.
   *
   * @param digestBlockSize 0 for automatic: 8 tokens where digests have 8 bits, else the page
   */
  public static PageShape of(int pageSize, int digestBlockSize, boolean eightBits) {
    if (digestBlockSize > 0) {
      return new PageShape(pageSize, digestBlockSize);
    }
    return new PageShape(pageSize, eightBits && pageSize % AUTOMATIC == 0 ? AUTOMATIC : pageSize);
  }
}
