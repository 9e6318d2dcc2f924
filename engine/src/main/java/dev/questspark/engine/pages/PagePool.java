package dev.questspark.engine.pages;

import java.util.OptionalInt;

/**
 * The KV pages of one engine, as ids 1 to {@code pages} with a count of holders each. Page 0 is the
 * null page: never handed out, so a page-table entry of 0 is always a bug.
 *
 * <p>Every call is O(1). Pages released last are handed out first, and the order depends on nothing
 * but the calls, so a run can be repeated exactly. Wrong use (releasing a free page, retaining a
 * page nobody holds, an id out of range) is an {@link IllegalStateException} with the numbers.
 */
public final class PagePool {
  private final int[] freePages;
  private final int[] holders;
  private int free;

  /** A pool of {@code pages} free pages, at least 1. */
  public PagePool(int pages) {
    if (pages < 1 || pages == Integer.MAX_VALUE) {
      throw new IllegalArgumentException("a page pool needs at least 1 page, not " + pages);
    }
    freePages = new int[pages];
    holders = new int[pages + 1];
    free = pages;
    for (int i = 0; i < pages; i++) {
      freePages[i] = pages - i;
    }
  }

  /** A page with one holder, or empty when all are held. */
  public OptionalInt allocate() {
    if (free == 0) {
      return OptionalInt.empty();
    }
    int page = freePages[--free];
    holders[page] = 1;
    return OptionalInt.of(page);
  }

  /** Adds a holder to a page that already has one. */
  public void retain(int page) {
    requireHeld(page, "retained");
    holders[page]++;
  }

  /** Removes a holder; without holders the page is free. */
  public void release(int page) {
    requireHeld(page, "released");
    if (--holders[page] == 0) {
      freePages[free++] = page;
    }
  }

  /** Holders of a page; 0 when it is free. */
  public int holders(int page) {
    requireInRange(page);
    return holders[page];
  }

  /** Pages without a holder. */
  public int free() {
    return free;
  }

  /** All pages of the pool, the null page not counted. */
  public int total() {
    return freePages.length;
  }

  private void requireHeld(int page, String verb) {
    requireInRange(page);
    if (holders[page] == 0) {
      throw new IllegalStateException(
          "page "
              + page
              + " is "
              + verb
              + " but has no holder ("
              + free
              + " of "
              + total()
              + " pages are free)");
    }
  }

  private void requireInRange(int page) {
    if (page < 1 || page > total()) {
      throw new IllegalStateException("page " + page + " is not one of 1 to " + total());
    }
  }
}
