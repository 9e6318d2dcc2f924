package dev.questspark.engine.ops;

/** How the keys of one (page, KV head) lie in memory; values are always slot by slot. */
public enum KeyOrder {
  /** (slot, headDim): the keys one after the other. */
  SLOT_MAJOR,

  /**
   * (block, headDim, slot in block): channel by channel inside each digest block of the page. A
   * processor's vector then holds one channel of many keys, the dot products of a block need no sum
   * across its lanes, and what reads one block touches no other.
   */
  CHANNEL_MAJOR
}
