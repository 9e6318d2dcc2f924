package dev.questspark.engine.policy.cache;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.prefill.BlockShape;
import dev.questspark.engine.ops.prefill.TileSkipping;
import dev.questspark.engine.select.prefill.PrefillSelector;

/**
 * Which keys a document's own rows read while it is prefilled: for each segment of rows and KV head
 * a list of key blocks before it. The rows of a segment see each other in any case.
 */
public interface PrefillPart extends CachePart {
  /** Rows of a segment where a text names none. */
  String SEGMENT = "512";

  /** Tokens of a key block where a text names none. */
  String BLOCK = "32";

  /** Rows that share a list, from the document's first token on. */
  int segment();

  /** Tokens of a key block. */
  int block();

  /** What lists the blocks. */
  PrefillSelector selector();

  /** Which tiles of what is listed attention leaves out. */
  default TileSkipping skipping() {
    return TileSkipping.NONE;
  }

  /** How rows and keys are divided. */
  default BlockShape shape() {
    return new BlockShape(segment(), block());
  }

  @Override
  default Slot slot() {
    return Slot.PREFILL;
  }

  /**
   * Requires an engine that the part can run in; see {@link CachePolicy#requireRuns}.
   *
   * @throws ConfigException naming what does not fit and what to set
   */
  default void requireRuns(int maxNumSeqs, int maxNumBatchedTokens) {
    if (maxNumBatchedTokens < segment() + maxNumSeqs) {
      throw new ConfigException(
          "max_num_batched_tokens is "
              + maxNumBatchedTokens
              + ", but prefill "
              + CacheParts.KNOWN.text(this)
              + " needs a step with a segment of "
              + segment()
              + " rows beside max_num_seqs "
              + maxNumSeqs
              + "; set it to "
              + (segment() + maxNumSeqs)
              + " or more");
    }
  }

  /** For a part's constructor: checks how it divides. */
  static void requireShape(Class<? extends PrefillPart> part, int segment, int block) {
    CacheParts.KNOWN.require(
        block >= 1 && block <= BlockShape.LARGEST_BLOCK,
        part,
        "block",
        block,
        "1 to " + BlockShape.LARGEST_BLOCK + " tokens");
    CacheParts.KNOWN.require(
        segment >= 1 && segment % block == 0,
        part,
        "segment",
        segment,
        "a multiple of block, which is " + block);
  }

  /** For a wrapper's constructor: checks what is inside. */
  static void requireInside(Class<? extends PrefillPart> part, CachePart inside) {
    if (!(inside instanceof PrefillPart prefill) || prefill.skipping().any()) {
      throw new ConfigException(
          "cache_policy part "
              + CacheParts.KNOWN.name(part)
              + ": inside it is "
              + CacheParts.KNOWN.text(inside)
              + "; it must be a prefill that lists blocks, or dense");
    }
  }
}
