package dev.questspark.engine.policy.cache;

import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.engine.ops.prefill.TileSkipping;
import dev.questspark.engine.select.prefill.PrefillSelector;

/** A prefill of a policy some of whose heads read less than it says. */
record HeadwisePrefill(PrefillPart others, KeptPart kept) implements PrefillPart {

  @Override
  public int segment() {
    return others.segment();
  }

  @Override
  public int block() {
    return others.block();
  }

  @Override
  public PrefillSelector selector() {
    return kept.prefill(others.selector());
  }

  @Override
  public TileSkipping skipping() {
    return others.skipping();
  }

  @Override
  public void requireRuns(DeviceName device, int maxNumSeqs, int maxNumBatchedTokens) {
    others.requireRuns(device, maxNumSeqs, maxNumBatchedTokens);
  }
}
