package dev.questspark.engine.ops.cpu.pages;

import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.PageListShape;
import java.util.Arrays;

/**
 * Page lists in one array: the list of (row, kvHead) starts at (row * kvHeads + kvHead) *
 * maxEntries.
 */
public final class CpuPageList implements PageList {
  private final PageListShape shape;
  private int[] entries;
  private int[] counts;
  private int unit;

  public CpuPageList(PageListShape shape) {
    if (shape.entries() > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException(
          shape + " has " + shape.entries() + " entries; at most 2^31 - 9 fit one page list");
    }
    this.shape = shape;
    this.entries = new int[(int) shape.entries()];
    this.counts = new int[(int) shape.lists()];
  }

  public static CpuPageList of(PageList list, int rows, int kvHeads) {
    if (!(list instanceof CpuPageList cpu)) {
      throw new IllegalArgumentException("the page list belongs to another backend");
    }
    cpu.shape.requireRoom(rows, kvHeads);
    return cpu;
  }

  /** Says what an entry of all lists stands for, before they are filled. */
  public void unit(int tokens) {
    unit = tokens;
  }

  @Override
  public int unit() {
    return unit;
  }

  /** All lists, back to back; see {@link #start}. */
  public int[] entries() {
    return entries;
  }

  /** Index of the first entry of list {@code row * kvHeads + kvHead}. */
  public int start(int list) {
    return list * shape.maxEntries();
  }

  public int count(int list) {
    return counts[list];
  }

  /** Sets the length of a list, before its entries are written. */
  public void count(int list, int count) {
    shape.requireEntries(count);
    counts[list] = count;
  }

  @Override
  public PageListShape shape() {
    return shape;
  }

  @Override
  public int[] read(int row, int kvHead) {
    int list = row * shape.kvHeads() + kvHead;
    return Arrays.copyOfRange(entries, start(list), start(list) + count(list));
  }

  @Override
  public void close() {
    entries = new int[0];
    counts = new int[0];
  }
}
