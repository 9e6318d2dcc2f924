package dev.questspark.engine.ops;

/**
 * What a {@link PageList} has room for.
 *
 * @param maxRows rows
 * @param kvHeads KV heads per row
 * @param maxEntries entries per (row, KV head)
 */
public record PageListShape(int maxRows, int kvHeads, int maxEntries) {

  public PageListShape {
    if (maxRows < 0 || kvHeads < 1 || maxEntries < 1) {
      throw new IllegalArgumentException(
          "a page list of "
              + maxRows
              + " rows x "
              + kvHeads
              + " KV heads x "
              + maxEntries
              + " entries; it needs a KV head and an entry");
    }
  }

  /** Lists: one per (row, KV head). */
  public long lists() {
    return (long) maxRows * kvHeads;
  }

  /** Entries of all lists together. */
  public long entries() {
    return Math.multiplyExact(lists(), (long) maxEntries);
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

  /** Requires room for so many entries of one (row, KV head). */
  public void requireEntries(int entries) {
    if (entries > maxEntries) {
      throw new IllegalArgumentException(
          "a row keeps " + entries + " units, but the page list has room for " + maxEntries);
    }
  }
}
