package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.PageList;
import java.util.Arrays;

/**
 * Page lists in one array: the list of (row, kvHead) starts at (row * kvHeads + kvHead) * maxPages.
 */
final class CpuPageList implements PageList {
  private final int maxRows;
  private final int kvHeads;
  private final int maxPages;
  private int[] pages;
  private int[] counts;

  CpuPageList(int maxRows, int kvHeads, int maxPages) {
    long entries = Math.multiplyExact((long) maxRows * kvHeads, (long) maxPages);
    if (maxRows < 0 || kvHeads < 1 || maxPages < 1 || entries > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException(
          "a page list of "
              + maxRows
              + " rows x "
              + kvHeads
              + " KV heads x "
              + maxPages
              + " pages; at most 2^31 - 9 entries fit one list");
    }
    this.maxRows = maxRows;
    this.kvHeads = kvHeads;
    this.maxPages = maxPages;
    this.pages = new int[(int) entries];
    this.counts = new int[maxRows * kvHeads];
  }

  static CpuPageList of(PageList list, int rows, int kvHeads) {
    if (!(list instanceof CpuPageList cpu)) {
      throw new IllegalArgumentException("the page list belongs to another backend");
    }
    if (rows > cpu.maxRows || kvHeads != cpu.kvHeads) {
      throw new IllegalArgumentException(
          "a page list of ("
              + cpu.maxRows
              + " rows, "
              + cpu.kvHeads
              + " KV heads) for ("
              + rows
              + ", "
              + kvHeads
              + ")");
    }
    return cpu;
  }

  /** All lists, back to back; see {@link #start}. */
  int[] pages() {
    return pages;
  }

  /** Index of the first page of list {@code row * kvHeads + kvHead}. */
  int start(int list) {
    return list * maxPages;
  }

  int count(int list) {
    return counts[list];
  }

  /** Sets the length of a list, before its pages are written. */
  void count(int list, int count) {
    if (count > maxPages) {
      throw new IllegalArgumentException(
          "row "
              + list / kvHeads
              + " keeps "
              + count
              + " pages, but the page list has room for "
              + maxPages);
    }
    counts[list] = count;
  }

  @Override
  public int maxRows() {
    return maxRows;
  }

  @Override
  public int kvHeads() {
    return kvHeads;
  }

  @Override
  public int maxPages() {
    return maxPages;
  }

  @Override
  public int[] read(int row, int kvHead) {
    int list = row * kvHeads + kvHead;
    return Arrays.copyOfRange(pages, start(list), start(list) + count(list));
  }

  @Override
  public void close() {
    pages = new int[0];
    counts = new int[0];
  }
}
