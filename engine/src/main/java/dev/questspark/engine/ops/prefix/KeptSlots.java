package dev.questspark.engine.ops.prefix;

import java.util.List;

/**
 * Which tokens of a prefix each (layer, KV head) keeps.
 *
 * @param lists the different lists of token positions, each in the order in which they are stored
 * @param listOf index of the list of each layer * kvHeads + kvHead
 */
public record KeptSlots(List<int[]> lists, int[] listOf) {

  public KeptSlots {
    lists = List.copyOf(lists);
  }

  /** The same tokens for every head. */
  public static KeptSlots same(int heads, int[] positions) {
    return new KeptSlots(List.of(positions), new int[heads]);
  }

  /** What one (layer, KV head) keeps. */
  public int[] list(int head) {
    return lists.get(listOf[head]);
  }

  /** Tokens that each (layer, KV head) keeps. */
  public int[] slots() {
    int[] slots = new int[listOf.length];
    for (int head = 0; head < slots.length; head++) {
      slots[head] = list(head).length;
    }
    return slots;
  }

  /** Pages that they take. */
  public int pages() {
    int pages = 0;
    for (int head = 0; head < listOf.length; head++) {
      pages = Math.addExact(pages, PrefixGeometry.pagesFor(list(head).length));
    }
    return pages;
  }
}
