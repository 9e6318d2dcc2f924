package dev.questspark.engine.pages;

import java.util.Arrays;

/**
 * The pages of one sequence in token order: token p stands in page {@code page(p)} at slot {@code
 * slot(p)}. Grows at its end, one page at a time; holds ids only, so whoever appends a page also
 * answers for its holder count.
 */
public final class PageTable {
  private static final int[] EMPTY = new int[0];

  private final int pageSize;
  private int[] ids = EMPTY;
  private int pages;
  private int[] snapshot = EMPTY;

  /** An empty table of pages of {@code pageSize} tokens, at least 1. */
  public PageTable(int pageSize) {
    if (pageSize < 1) {
      throw new IllegalArgumentException("page size is " + pageSize + " tokens; at least 1");
    }
    this.pageSize = pageSize;
  }

  /** Tokens per page. */
  public int pageSize() {
    return pageSize;
  }

  /** Number of pages. */
  public int pages() {
    return pages;
  }

  /** Whether the token at {@code position} has a page. */
  public boolean holds(int position) {
    return position / pageSize < pages;
  }

  /** Page id of the token at {@code position}. */
  public int page(int position) {
    return pageAt(position / pageSize);
  }

  /** Slot of the token at {@code position} inside its page. */
  public int slot(int position) {
    return position % pageSize;
  }

  /** Page id of logical page {@code index}. */
  public int pageAt(int index) {
    if (index < 0 || index >= pages) {
      throw new IllegalStateException("logical page " + index + " of a table of " + pages);
    }
    return ids[index];
  }

  /** Adds a page at the end. */
  public void append(int page) {
    if (page < 1) {
      throw new IllegalStateException("page " + page + " cannot stand in a page table");
    }
    if (pages == ids.length) {
      ids = Arrays.copyOf(ids, Math.max(8, pages + (pages >> 1)));
    }
    ids[pages++] = page;
  }

  /** Forgets the first {@code count} pages, which it returns: what follows moves up. */
  public int[] removeFirst(int count) {
    if (count < 0 || count > pages) {
      throw new IllegalStateException(count + " pages removed from a table of " + pages);
    }
    int[] removed = Arrays.copyOf(ids, count);
    ids = Arrays.copyOfRange(ids, count, pages);
    pages -= count;
    snapshot = EMPTY;
    return removed;
  }

  /** Forgets all pages. */
  public void clear() {
    pages = 0;
    ids = EMPTY;
    snapshot = EMPTY;
  }

  /**
   * All page ids in order. The array is made anew only after the table has grown, so that the steps
   * between two page boundaries share it; it is never written again.
   */
  public int[] snapshot() {
    if (snapshot.length != pages) {
      snapshot = Arrays.copyOf(ids, pages);
    }
    return snapshot;
  }
}
