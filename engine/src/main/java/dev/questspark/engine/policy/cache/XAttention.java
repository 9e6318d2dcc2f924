package dev.questspark.engine.policy.cache;

import dev.questspark.engine.ops.prefill.BlockBudget;
import dev.questspark.engine.ops.prefill.BlockScoring;
import dev.questspark.engine.ops.prefill.LastSegment;
import dev.questspark.engine.policy.Description;
import dev.questspark.engine.policy.Parameter;
import dev.questspark.engine.select.prefill.PrefillSelector;
import dev.questspark.engine.select.prefill.ScoredBlocks;

/**
 * XAttention (arXiv 2503.16428). Sums over antidiagonals dilute the one key of the attention sink,
 * so that the first block is always read, as is the segment itself.
 */
@Description(
    "Each segment of the document reads the fewest blocks that reach a share of the weight as sums"
        + " along antidiagonals estimate it, the first block among them (XAttention, arXiv"
        + " 2503.16428).")
public record XAttention(
    @Parameter(defaultValue = "0.9", description = "Share of the weight, above 0 and at most 1.")
        double threshold,
    @Parameter(defaultValue = "8", description = "Tokens of an antidiagonal; it divides block.")
        int stride,
    @Parameter(
            defaultValue = "sparse",
            description = "What the document's last segment reads: a list, or everything.")
        LastSegment last,
    @Parameter(defaultValue = SEGMENT, description = "Rows that share a list of blocks.")
        int segment,
    @Parameter(defaultValue = BLOCK, description = "Tokens of a key block.") int block)
    implements PrefillPart {

  public XAttention {
    PrefillPart.requireShape(XAttention.class, segment, block);
    CacheParts.KNOWN.require(
        threshold > 0 && threshold <= 1,
        XAttention.class,
        "threshold",
        threshold,
        "above 0 and at most 1");
    CacheParts.KNOWN.require(
        stride >= 1 && block % stride == 0,
        XAttention.class,
        "stride",
        stride,
        "a divisor of block, which is " + block);
  }

  @Override
  public PrefillSelector selector() {
    return new ScoredBlocks(
        new BlockScoring.Antidiagonal(stride),
        new BlockBudget(Integer.MAX_VALUE, threshold, 0, last == LastSegment.DENSE));
  }
}
