package dev.questspark.engine.policy.cache;

import dev.questspark.engine.ops.prefix.KeptSlots;

/** Which tokens of a prefilled document each KV head keeps. */
public interface KeptPart extends CachePart {

  @Override
  default Slot slot() {
    return Slot.KEPT_SLOTS;
  }

  /**
   * What each head keeps of the document's first tokens.
   *
   * @param prefixTokens those that are compressed; the others are all kept
   * @param documentTokens of the whole document
   */
  KeptSlots kept(int prefixTokens, int documentTokens, int layers, int kvHeads);
}
