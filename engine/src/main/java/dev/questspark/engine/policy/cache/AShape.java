package dev.questspark.engine.policy.cache;

import dev.questspark.engine.ops.prefill.LastSegment;
import dev.questspark.engine.policy.Description;
import dev.questspark.engine.policy.Parameter;
import dev.questspark.engine.select.prefill.DenseLastSegment;
import dev.questspark.engine.select.prefill.PrefillSelector;
import dev.questspark.engine.select.prefill.SinkRecentBlocks;

/**
 * The first blocks and the last ones before the segment, whatever the rows ask for: the prefill of
 * StreamingLLM (arXiv 2309.17453) and of DuoAttention's streaming heads (arXiv 2410.10819).
 */
@Description(
    "Each segment of the document reads the first tokens and the last ones before it: the prefill"
        + " of StreamingLLM (arXiv 2309.17453), and a control that a score must beat.")
public record AShape(
    @Parameter(defaultValue = "64", description = "First tokens that every segment reads.")
        int sink,
    @Parameter(defaultValue = "960", description = "Tokens read before the segment.") int recent,
    @Parameter(
            defaultValue = "sparse",
            description = "What the document's last segment reads: a list, or everything.")
        LastSegment last,
    @Parameter(defaultValue = SEGMENT, description = "Rows that share a list of blocks.")
        int segment,
    @Parameter(defaultValue = BLOCK, description = "Tokens of a key block.") int block)
    implements PrefillPart {

  public AShape {
    PrefillPart.requireShape(AShape.class, segment, block);
    CacheParts.KNOWN.atLeast(1, AShape.class, "sink", sink);
    CacheParts.KNOWN.atLeast(0, AShape.class, "recent", recent);
  }

  @Override
  public PrefillSelector selector() {
    PrefillSelector lists = new SinkRecentBlocks(sink, recent);
    return last == LastSegment.DENSE ? new DenseLastSegment(lists) : lists;
  }
}
