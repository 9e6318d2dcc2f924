package dev.questspark.engine.policy.cache;

import dev.questspark.engine.policy.Description;
import dev.questspark.engine.select.prefill.PrefillSelector;

/** Every row reads every key before it: what a policy without a prefill part does. */
@Description("Prefills the document with full causal attention.")
record DensePrefill() implements PrefillPart {

  @Override
  public boolean changesAnything() {
    return false;
  }

  @Override
  public int segment() {
    return Integer.parseInt(SEGMENT);
  }

  @Override
  public int block() {
    return Integer.parseInt(BLOCK);
  }

  @Override
  public PrefillSelector selector() {
    return PrefillSelector.ALL;
  }
}
