package dev.questspark.engine.schedule;

import dev.questspark.engine.pages.PagePool;
import dev.questspark.engine.pages.PageTable;

/**
 * The page pool with its promises: pages are first reserved as a number, then taken one by one. The
 * sum of what is held and what is promised never exceeds the pool, so taking cannot fail.
 */
final class PageReservations {
  private final PagePool pool;
  private int reserved;

  PageReservations(PagePool pool) {
    this.pool = pool;
  }

  /** Pages neither held nor promised. */
  int available() {
    return pool.free() - reserved;
  }

  /** Promises {@code pages} pages, or changes nothing when so many are not available. */
  boolean reserve(int pages) {
    if (pages > available()) {
      return false;
    }
    reserved += pages;
    return true;
  }

  /** Takes a promise back. */
  void unreserve(int pages) {
    if (pages < 0 || pages > reserved) {
      throw new IllegalStateException(pages + " pages given back of " + reserved + " promised");
    }
    reserved -= pages;
  }

  /** Appends one promised page. */
  int take(PageTable table) {
    unreserve(1);
    int page =
        pool.allocate()
            .orElseThrow(() -> new IllegalStateException("no page left for a promised one"));
    table.append(page);
    return page;
  }

  /**
   * Makes the first {@code pages} pages of {@code from} the first of the empty table {@code to}.
   */
  void share(PageTable from, int pages, PageTable to) {
    for (int i = 0; i < pages; i++) {
      pool.retain(from.pageAt(i));
      to.append(from.pageAt(i));
    }
  }

  /** Gives up the first {@code pages} pages of a table. */
  void releaseFirst(PageTable table, int pages) {
    int[] released = table.removeFirst(pages);
    for (int i = pages - 1; i >= 0; i--) {
      pool.release(released[i]);
    }
  }

  /** Gives up all pages of a table, last first. */
  void release(PageTable table) {
    for (int i = table.pages() - 1; i >= 0; i--) {
      pool.release(table.pageAt(i));
    }
    table.clear();
  }

  /** Pages promised and not yet taken. */
  int promised() {
    return reserved;
  }

  int total() {
    return pool.total();
  }

  int used() {
    return pool.total() - pool.free();
  }
}
