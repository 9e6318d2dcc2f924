package dev.questspark.engine.ops;

/**
 * What a {@link PageList} has room for.
 *
 * @param maxRows rows
 * @param kvHeads KV heads per row
 * @param maxPages pages per (row, KV head)
 */
public record PageListShape(int maxRows, int kvHeads, int maxPages) {

  public PageListShape {
    if (maxRows < 0 || kvHeads < 1 || maxPages < 1) {
      throw new IllegalArgumentException(
          "a page list of "
              + maxRows
              + " rows x "
              + kvHeads
              + " KV heads x "
              + maxPages
              + " pages; it needs a KV head and a page");
    }
  }

  /** Lists: one per (row, KV head). */
  public long lists() {
    return (long) maxRows * kvHeads;
  }

  /** Pages of all lists together. */
  public long entries() {
    return Math.multiplyExact(lists(), (long) maxPages);
  }

  /** Requires room for so many rows of so many KV heads. */
  public void requireRoom(int rows, int kvHeads) {
    if (rows > maxRows || kvHeads != this.kvHeads) {
      throw new IllegalArgumentException(
          "a page list of ("
              + maxRows
              + " rows, "
              + this.kvHeads
              + " KV heads) for ("
              + rows
              + ", "
              + kvHeads
              + ")");
    }
  }

  /** Requires room for so many pages of one (row, KV head). */
  public void requirePages(int pages) {
    if (pages > maxPages) {
      throw new IllegalArgumentException(
          "a row keeps " + pages + " pages, but the page list has room for " + maxPages);
    }
  }
}
