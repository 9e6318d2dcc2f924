package dev.questspark.engine.policy.cache;

import dev.questspark.engine.ops.prefill.LastSegment;
import dev.questspark.engine.policy.Description;
import dev.questspark.engine.policy.Parameter;
import dev.questspark.engine.select.prefill.DenseLastSegment;
import dev.questspark.engine.select.prefill.DrawnBlocks;
import dev.questspark.engine.select.prefill.PrefillSelector;

/** The first block and others at random: what any score must beat. */
@Description(
    "Each segment of the document reads the first block and others drawn at random: a control that"
        + " a score must beat.")
public record RandomBlocks(
    @Parameter(defaultValue = "1024", description = "Tokens read before the segment, by blocks.")
        int budget,
    @Parameter(defaultValue = "0", description = "Seed of the draw.") int seed,
    @Parameter(
            defaultValue = "sparse",
            description = "What the document's last segment reads: a list, or everything.")
        LastSegment last,
    @Parameter(defaultValue = SEGMENT, description = "Rows that share a list of blocks.")
        int segment,
    @Parameter(defaultValue = BLOCK, description = "Tokens of a key block.") int block)
    implements PrefillPart {

  public RandomBlocks {
    PrefillPart.requireShape(RandomBlocks.class, segment, block);
    CacheParts.KNOWN.atLeast(block, RandomBlocks.class, "budget", budget);
  }

  @Override
  public PrefillSelector selector() {
    PrefillSelector lists = new DrawnBlocks(budget, seed);
    return last == LastSegment.DENSE ? new DenseLastSegment(lists) : lists;
  }
}
