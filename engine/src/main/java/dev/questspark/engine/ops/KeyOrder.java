package dev.questspark.engine.ops;

/** How the keys of one (page, KV head) lie in memory; values are always slot by slot. */
public enum KeyOrder {
  /** (slot, headDim): the keys one after the other. */
  SLOT_MAJOR,

  /**
   * (headDim, slot): channel by channel. A processor's vector then holds one channel of many keys,
   * and the dot products of a page need no sum across its lanes.
   */
  CHANNEL_MAJOR
}
