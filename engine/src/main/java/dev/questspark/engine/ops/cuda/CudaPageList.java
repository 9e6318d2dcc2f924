package dev.questspark.engine.ops.cuda;

import dev.questspark.engine.ops.PageList;
import java.nio.ByteBuffer;

/**
 * Page lists on the device: pages (maxRows * kvHeads, maxPages) and their counts (maxRows *
 * kvHeads).
 */
final class CudaPageList implements PageList {
  private final int maxRows;
  private final int kvHeads;
  private final int maxPages;
  private final DeviceBuffer pages;
  private final DeviceBuffer counts;
  private final Readback readback;
  private int longest;

  CudaPageList(DevicePool pool, Readback readback, int maxRows, int kvHeads, int maxPages) {
    if (maxRows < 0 || kvHeads < 1 || maxPages < 1) {
      throw new IllegalArgumentException(
          "a page list of "
              + maxRows
              + " rows x "
              + kvHeads
              + " KV heads x "
              + maxPages
              + " pages");
    }
    this.maxRows = maxRows;
    this.kvHeads = kvHeads;
    this.maxPages = maxPages;
    this.readback = readback;
    long lists = (long) maxRows * kvHeads;
    this.pages = pool.allocate(Math.multiplyExact(4L * maxPages, lists));
    this.counts = pool.allocate(4 * lists);
  }

  static CudaPageList of(PageList list, int rows, int kvHeads) {
    if (!(list instanceof CudaPageList cuda)) {
      throw new IllegalArgumentException("the page list belongs to another backend");
    }
    if (rows > cuda.maxRows || kvHeads != cuda.kvHeads) {
      throw new IllegalArgumentException(
          "a page list of ("
              + cuda.maxRows
              + " rows, "
              + cuda.kvHeads
              + " KV heads) for ("
              + rows
              + ", "
              + kvHeads
              + ")");
    }
    return cuda;
  }

  /**
   * Notes, before a kernel fills the lists, how long the longest can become: the host must not wait
   * to learn it.
   */
  void fill(int longest) {
    if (longest > maxPages) {
      throw new IllegalArgumentException(
          "a row keeps " + longest + " pages, but the page list has room for " + maxPages);
    }
    this.longest = longest;
  }

  /** Most pages of any list. */
  int longest() {
    return longest;
  }

  long pagesAddress() {
    return pages.address();
  }

  long countsAddress() {
    return counts.address();
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
    long list = (long) row * kvHeads + kvHead;
    int count = readback.read(counts, 4 * list, 4).getInt(0);
    ByteBuffer bytes = readback.read(pages, 4 * list * maxPages, 4L * count);
    int[] read = new int[count];
    for (int i = 0; i < count; i++) {
      read[i] = bytes.getInt(4 * i);
    }
    return read;
  }

  @Override
  public void close() {
    pages.close();
    counts.close();
  }
}
