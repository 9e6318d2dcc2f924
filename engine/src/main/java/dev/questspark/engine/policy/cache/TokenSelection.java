package dev.questspark.engine.policy.cache;

import dev.questspark.engine.policy.cache.tokens.AskingRows;
import dev.questspark.engine.policy.cache.tokens.Positions;
import dev.questspark.engine.policy.cache.tokens.ReaderKind;
import java.util.BitSet;

/**
 * Which of a document's tokens are prefilled at all. Counts are of document tokens: a template's
 * own tokens are always kept, beside them.
 */
public interface TokenSelection extends CachePart {

  @Override
  default Slot slot() {
    return Slot.PREFILLED_TOKENS;
  }

  /** Where kept tokens stand for the rotary embedding. */
  Positions positions();

  /** Who reads, where anything is read. */
  default ReaderKind reader() {
    return ReaderKind.LAYERS;
  }

  /**
   * Most tokens of a prompt that may be read.
   *
   * @param maxModelLen most tokens that the model itself takes
   */
  default int mostRead(int maxModelLen) {
    return maxModelLen;
  }

  /**
   * The reader's first layers that read the document with a question before the tokens are chosen;
   * 0 where nothing is read.
   */
  default int layers() {
    return 0;
  }

  /** Whose attention chooses, where anything is read. */
  default AskingRows rows() {
    return AskingRows.SUFFIX;
  }

  /**
   * Tokens of an answer that the reader drafts after each question, and whose rows ask too; 0 where
   * the question alone asks.
   */
  default int lookahead() {
    return 0;
  }

  /**
   * Whether the questions of a document share one prefill, of every token that one of them chooses;
   * otherwise each has a prefill of its own.
   */
  default boolean union() {
    return true;
  }

  /**
   * For a selection's constructor.
   *
   * @throws dev.questspark.engine.failure.ConfigException when the parameter is no share of a whole
   */
  static void requireShare(Class<? extends TokenSelection> part, String parameter, double value) {
    CacheParts.KNOWN.require(
        value > 0 && value <= 1, part, parameter, value, "a number above 0 and at most 1");
  }

  /** Whether a document of so many tokens is kept whole, whatever its scores are. */
  boolean keepsAll(int tokens);

  /**
   * Most of a document's tokens that one prefill may hold, whatever its scores are; never less for
   * a longer document.
   *
   * @param questions of the document, different ones
   */
  int mostKept(int tokens, int questions);

  /**
   * The tokens that one question keeps.
   *
   * @param mass the most attention that any head of the layers gives each document token, as a mean
   *     over the question's rows; all 0 where nothing is read
   * @param seed of the document, for those that draw
   */
  BitSet kept(float[] mass, long seed);
}
