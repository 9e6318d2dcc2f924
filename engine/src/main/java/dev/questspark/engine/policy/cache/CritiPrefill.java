package dev.questspark.engine.policy.cache;

import dev.questspark.engine.ops.prefill.BlockBudget;
import dev.questspark.engine.policy.Description;
import dev.questspark.engine.policy.Parameter;
import dev.questspark.engine.select.prefill.MidpointBlocks;
import dev.questspark.engine.select.prefill.PrefillSelector;

/**
 * CritiPrefill (arXiv 2409.12490), with its first block always among those listed. Blocks are
 * bounded by their keys as they are stored, whatever digests the run keeps.
 */
@Description(
    "Each segment of the document reads the blocks whose key bounds fit its midpoint query best,"
        + " the first block among them; the first layer and the document's last segment read"
        + " everything (CritiPrefill, arXiv 2409.12490).")
public record CritiPrefill(
    @Parameter(defaultValue = "2048", description = "Tokens read before the segment, by blocks.")
        int budget,
    @Parameter(
            defaultValue = "0.25",
            description = "Share of the layer before in a layer's scores, 0 to 1.")
        double fusion,
    @Parameter(
            defaultValue = "4096",
            description = "Segments that begin before this token read everything.")
        int from,
    @Parameter(defaultValue = SEGMENT, description = "Rows that share a list of blocks.")
        int segment,
    @Parameter(defaultValue = BLOCK, description = "Tokens of a key block.") int block)
    implements PrefillPart {

  public CritiPrefill {
    PrefillPart.requireShape(CritiPrefill.class, segment, block);
    CacheParts.KNOWN.atLeast(block, CritiPrefill.class, "budget", budget);
    CacheParts.KNOWN.require(
        fusion >= 0 && fusion < 1, CritiPrefill.class, "fusion", fusion, "from 0 to below 1");
    CacheParts.KNOWN.atLeast(0, CritiPrefill.class, "from", from);
  }

  @Override
  public PrefillSelector selector() {
    return new MidpointBlocks((float) fusion, new BlockBudget(budget / block, 1, from, true));
  }
}
