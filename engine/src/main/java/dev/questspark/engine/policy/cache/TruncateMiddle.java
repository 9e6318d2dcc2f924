package dev.questspark.engine.policy.cache;

import dev.questspark.engine.policy.Description;
import dev.questspark.engine.policy.Parameter;
import dev.questspark.engine.policy.cache.tokens.Positions;
import java.util.BitSet;

/** The document's beginning and its end in equal parts, whatever is asked. */
@Description(
    "Prefills the first and the last tokens of the document in equal parts and nothing between: a"
        + " control for eval and sweep; a run that truncates sets on_too_long.")
public record TruncateMiddle(
    @Parameter(
            defaultValue = "0.2",
            description = "Share of the document's tokens that are prefilled, above 0, at most 1.")
        double keep,
    @Parameter(
            defaultValue = "compacted",
            description = "Where kept tokens stand for the rotary embedding.")
        Positions positions)
    implements TokenSelection {

  public TruncateMiddle {
    TokenSelection.requireShare(TruncateMiddle.class, "keep", keep);
  }

  @Override
  public boolean control() {
    return true;
  }

  @Override
  public boolean keepsAll(int tokens) {
    return 2 * half(tokens) >= tokens;
  }

  @Override
  public int mostKept(int tokens, int questions) {
    return Math.min(tokens, 2 * half(tokens));
  }

  @Override
  public BitSet kept(float[] attention, long seed) {
    int tokens = attention.length;
    BitSet kept = new BitSet(tokens);
    kept.set(0, half(tokens));
    kept.set(tokens - half(tokens), tokens);
    return kept;
  }

  private int half(int tokens) {
    return Math.max(1, (int) Math.round(keep * tokens / 2));
  }
}
