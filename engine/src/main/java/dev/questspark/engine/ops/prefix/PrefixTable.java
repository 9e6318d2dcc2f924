package dev.questspark.engine.ops.prefix;

import java.util.Arrays;

/**
 * Where a document's prefix lies: for each (layer, KV head) its pages and how many slots of them
 * are filled, as flat arrays that a device can hold. List l is layer * kvHeads + kvHead.
 *
 * @param tokens of the document that it stands for; a head may have kept fewer
 * @param kvHeads KV heads per layer
 * @param firstPage of each list its first place in {@code pages}, and the end
 * @param pages page ids of all lists
 * @param slots filled slots of each list; all but the last page of a list are full
 */
public record PrefixTable(int tokens, int kvHeads, int[] firstPage, int[] pages, int[] slots) {

  public PrefixTable {
    if (firstPage.length != slots.length + 1 || firstPage[slots.length] != pages.length) {
      throw new IllegalArgumentException(
          "a prefix table of "
              + slots.length
              + " lists with "
              + firstPage.length
              + " ends and "
              + pages.length
              + " pages");
    }
    for (int list = 0; list < slots.length; list++) {
      if (firstPage[list + 1] - firstPage[list] != PrefixGeometry.pagesFor(slots[list])) {
        throw new IllegalArgumentException(
            "list "
                + list
                + " of a prefix table has "
                + slots[list]
                + " slots in "
                + (firstPage[list + 1] - firstPage[list])
                + " pages");
      }
    }
  }

  /**
   * Gives every list the pages it needs, in order.
   *
   * @param pages as many as all lists need
   */
  public static PrefixTable of(int tokens, int kvHeads, int[] slots, int[] pages) {
    int[] firstPage = new int[slots.length + 1];
    for (int list = 0; list < slots.length; list++) {
      firstPage[list + 1] = firstPage[list] + PrefixGeometry.pagesFor(slots[list]);
    }
    return new PrefixTable(
        tokens, kvHeads, firstPage, Arrays.copyOf(pages, firstPage[slots.length]), slots);
  }

  private int list(int layer, int kvHead) {
    return layer * kvHeads + kvHead;
  }

  /** Filled slots of one (layer, KV head). */
  public int slots(int layer, int kvHead) {
    return slots[list(layer, kvHead)];
  }

  /** Page id of page {@code index} of one (layer, KV head). */
  public int page(int layer, int kvHead, int index) {
    return pages[firstPage[list(layer, kvHead)] + index];
  }

  /** Filled slots of all KV heads of a layer. */
  public long layerSlots(int layer) {
    long sum = 0;
    for (int head = 0; head < kvHeads; head++) {
      sum += slots(layer, head);
    }
    return sum;
  }

  /** Filled slots over all layers and KV heads. */
  public long totalSlots() {
    return Arrays.stream(slots).asLongStream().sum();
  }
}
