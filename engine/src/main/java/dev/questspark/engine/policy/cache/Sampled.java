package dev.questspark.engine.policy.cache;

import dev.questspark.engine.ops.prefill.BlockBudget;
import dev.questspark.engine.ops.prefill.BlockScoring;
import dev.questspark.engine.ops.prefill.LastSegment;
import dev.questspark.engine.policy.Description;
import dev.questspark.engine.policy.Parameter;
import dev.questspark.engine.select.prefill.PrefillSelector;
import dev.questspark.engine.select.prefill.ScoredBlocks;

/**
 * The blocks that hold most of the true attention of a few of the segment's rows, after
 * SampleAttention (arXiv 2406.15486), which samples queries so to choose single keys.
 */
@Description(
    "Each segment of the document reads the blocks with most of the true attention of a few of its"
        + " rows, the first block among them (after SampleAttention, arXiv 2406.15486).")
public record Sampled(
    @Parameter(defaultValue = "1024", description = "Tokens read before the segment, by blocks.")
        int budget,
    @Parameter(defaultValue = "16", description = "Rows of a segment that score.") int rows,
    @Parameter(
            defaultValue = "sparse",
            description = "What the document's last segment reads: a list, or everything.")
        LastSegment last,
    @Parameter(defaultValue = SEGMENT, description = "Rows that share a list of blocks.")
        int segment,
    @Parameter(defaultValue = BLOCK, description = "Tokens of a key block.") int block)
    implements PrefillPart {

  public Sampled {
    PrefillPart.requireShape(Sampled.class, segment, block);
    CacheParts.KNOWN.atLeast(block, Sampled.class, "budget", budget);
    CacheParts.KNOWN.atLeast(1, Sampled.class, "rows", rows);
  }

  @Override
  public PrefillSelector selector() {
    return new ScoredBlocks(
        new BlockScoring.SampledRows(rows),
        new BlockBudget(budget / block, 1, 0, last == LastSegment.DENSE));
  }
}
