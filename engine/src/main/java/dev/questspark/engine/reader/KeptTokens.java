package dev.questspark.engine.reader;

import dev.questspark.engine.policy.cache.tokens.Positions;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Optional;

/**
 * The tokens of a prompt's prefix that are prefilled, and where they stand. The cache stores them
 * packed, in their order; a token's position for the rotary embedding is another matter.
 */
public final class KeptTokens {
  private final int wholeTokens;
  private final Optional<int[]> indices;
  private final Positions positions;

  private KeptTokens(int wholeTokens, Optional<int[]> indices, Positions positions) {
    this.wholeTokens = wholeTokens;
    this.indices = indices;
    this.positions = positions;
  }

  /** Every token of a prefix. */
  public static KeptTokens all(int wholeTokens) {
    return new KeptTokens(wholeTokens, Optional.empty(), Positions.ORIGINAL);
  }

  /**
   * The template's tokens and those chosen of the document behind them.
   *
   * @param template tokens before the document
   * @param document the document's tokens that are kept, by their number in the document
   */
  public static KeptTokens of(int wholeTokens, int template, BitSet document, Positions positions) {
    BitSet kept = new BitSet(wholeTokens);
    kept.set(0, template);
    document.stream().forEach(token -> kept.set(template + token));
    return new KeptTokens(wholeTokens, Optional.of(kept.stream().toArray()), positions);
  }

  /** Tokens that are stored. */
  public int tokens() {
    return indices.map(kept -> kept.length).orElse(wholeTokens);
  }

  /** Tokens of the whole prefix. */
  public int wholeTokens() {
    return wholeTokens;
  }

  /** Tokens that are not stored. */
  public int leftOut() {
    return wholeTokens - tokens();
  }

  /** Number in the whole prefix of the token that is stored at a position before its end. */
  public int indexAt(int position) {
    return indices.map(kept -> kept[position]).orElse(position);
  }

  /**
   * The position by which the token stored at {@code position} turns, also of one behind the
   * prefix.
   */
  public int ropePosition(int position) {
    if (indices.isEmpty() || positions == Positions.COMPACTED) {
      return position;
    }
    return position < tokens() ? indices.get()[position] : position + leftOut();
  }

  @Override
  public String toString() {
    return tokens() + " of " + wholeTokens + " tokens" + indices.map(Arrays::toString).orElse("");
  }
}
