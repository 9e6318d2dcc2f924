package dev.questspark.engine.ops.cuda.step;

import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.PageListShape;
import dev.questspark.engine.ops.cuda.driver.DeviceBuffer;
import dev.questspark.engine.ops.cuda.driver.DevicePool;
import dev.questspark.engine.ops.cuda.driver.Readback;
import java.nio.ByteBuffer;

/**
 * Page lists on the device: entries (maxRows * kvHeads, maxEntries) and their counts (maxRows *
 * kvHeads).
 */
public final class CudaPageList implements PageList {
  private final PageListShape shape;
  private final DeviceBuffer entries;
  private final DeviceBuffer counts;
  private final Readback readback;
  private int longest;
  private int unit;

  public CudaPageList(DevicePool pool, Readback readback, PageListShape shape) {
    this.shape = shape;
    this.readback = readback;
    this.entries = pool.allocate(Math.multiplyExact(4L, shape.entries()));
    this.counts = pool.allocate(4 * shape.lists());
  }

  public static CudaPageList of(PageList list, int rows, int kvHeads) {
    if (!(list instanceof CudaPageList cuda)) {
      throw new IllegalArgumentException("the page list belongs to another backend");
    }
    cuda.shape.requireRoom(rows, kvHeads);
    return cuda;
  }

  /**
   * Notes, before a kernel fills the lists, what an entry stands for and how long the longest list
   * can become: the host must not wait to learn it.
   *
   * @param unit tokens per entry
   */
  public void fill(int unit, int longest) {
    shape.requireEntries(longest);
    this.longest = longest;
    this.unit = unit;
  }

  /** Most entries of any list. */
  public int longest() {
    return longest;
  }

  @Override
  public int unit() {
    return unit;
  }

  public long entriesAddress() {
    return entries.address();
  }

  public long countsAddress() {
    return counts.address();
  }

  @Override
  public PageListShape shape() {
    return shape;
  }

  @Override
  public int[] read(int row, int kvHead) {
    long list = (long) row * shape.kvHeads() + kvHead;
    int count = readback.read(counts, 4 * list, 4).getInt(0);
    ByteBuffer bytes = readback.read(entries, 4 * list * shape.maxEntries(), 4L * count);
    int[] read = new int[count];
    for (int i = 0; i < count; i++) {
      read[i] = bytes.getInt(4 * i);
    }
    return read;
  }

  @Override
  public void close() {
    entries.close();
    counts.close();
  }
}
