package dev.questspark.engine.ops.prune;

/**
 * How many of a list's tokens are kept: the fewest, for every query head of a group, whose
 * estimated attention weights reach a share of the list's. A KV head keeps what any of its query
 * heads does.
 *
 * @param share of the estimated weight, above 0 and at most 1; 1 keeps every token
 * @param floor tokens kept at least, where the list has them: those with the largest shares beside
 * @param ceiling tokens kept at most, 0 for no limit: those with the largest shares; what is always
 *     kept counts and stays
 * @param sinkTokens first tokens of the sequence, always kept where the list has them
 * @param recentTokens last tokens of the sequence, always kept where the list has them; the row's
 *     own always is
 * @param minContextTokens rows with a shorter context keep every token
 */
public record TokenPruning(
    double share, int floor, int ceiling, int sinkTokens, int recentTokens, int minContextTokens) {

  public TokenPruning {
    boolean outside = !(share > 0 && share <= 1);
    if (outside
        || floor < 0
        || ceiling < 0
        || sinkTokens < 0
        || recentTokens < 0
        || minContextTokens < 0) {
      throw new IllegalArgumentException(
          "token pruning: share "
              + share
              + ", floor "
              + floor
              + ", ceiling "
              + ceiling
              + ", sink "
              + sinkTokens
              + ", recent "
              + recentTokens
              + ", min context "
              + minContextTokens);
    }
  }

  /** The same for contexts of so many tokens and more; shorter ones are kept whole. */
  public TokenPruning wholeBelow(int contextTokens) {
    return new TokenPruning(
        share, floor, ceiling, sinkTokens, recentTokens, Math.max(minContextTokens, contextTokens));
  }

  /** Whether a row keeps every token of its list, whatever their weights. */
  public boolean keepsAll(int contextTokens) {
    return share == 1 || contextTokens < minContextTokens;
  }

  /** Whether a token is kept, whatever its weight. */
  public boolean always(int token, int position) {
    return token < sinkTokens || token > position - Math.max(1, recentTokens);
  }
}
