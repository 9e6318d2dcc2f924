package dev.questspark.engine.policy.cache;

import dev.questspark.engine.ops.prefill.TileSkipping;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.Description;
import dev.questspark.engine.policy.Parameter;
import dev.questspark.engine.select.prefill.PrefillSelector;

/**
 * Skip softmax, or BLASST (arXiv 2512.12087): of what a segment reads, tiles of rows and keys with
 * logits far below those before are left out while attention runs. No list decides it, and it goes
 * with any.
 */
@Description(
    "Leaves out tiles of 64 rows and 64 keys whose largest logits lie far below those before, of what"
        + " the prefill inside reads (skip softmax, arXiv 2512.12087).")
public record SkipSoftmax(
    @Parameter(
            defaultValue = "0.001",
            description =
                "A tile is left out for a query head if no weight in it can reach this share of the"
                    + " largest before; 0 leaves out none.")
        double threshold,
    @Parameter(defaultValue = Dense.NAME, description = "Which blocks are read.") CachePart prefill)
    implements PrefillPart {

  public SkipSoftmax {
    CacheParts.KNOWN.require(
        threshold >= 0 && threshold < 1,
        SkipSoftmax.class,
        "threshold",
        threshold,
        "from 0 to below 1");
    PrefillPart.requireInside(SkipSoftmax.class, prefill);
    int block = ((PrefillPart) prefill).block();
    CacheParts.KNOWN.require(
        TileSkipping.KEYS % block == 0,
        SkipSoftmax.class,
        "block of the prefill inside",
        block,
        "a divisor of " + TileSkipping.KEYS);
  }

  private PrefillPart inside() {
    return (PrefillPart) prefill;
  }

  @Override
  public int segment() {
    return inside().segment();
  }

  @Override
  public int block() {
    return inside().block();
  }

  @Override
  public PrefillSelector selector() {
    return inside().selector();
  }

  @Override
  public TileSkipping skipping() {
    return new TileSkipping(threshold);
  }
}
