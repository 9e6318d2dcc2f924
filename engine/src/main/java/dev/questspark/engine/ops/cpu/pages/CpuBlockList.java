package dev.questspark.engine.ops.cpu.pages;

import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.BlockListShape;
import dev.questspark.engine.ops.prefill.Segments;
import java.util.Arrays;

/** Block lists in one array: that of (segment, kvHead) starts at its number times the room. */
public final class CpuBlockList implements BlockList {
  private final BlockListShape shape;
  private final int[] entries;
  private final int[] counts;
  private Segments segments;

  public CpuBlockList(BlockListShape shape) {
    this.shape = shape;
    this.entries = new int[Math.toIntExact(shape.entries())];
    this.counts = new int[shape.lists()];
  }

  static CpuBlockList of(BlockList list) {
    if (!(list instanceof CpuBlockList cpu)) {
      throw new IllegalArgumentException("the block lists belong to another backend");
    }
    return cpu;
  }

  /** This backend's own, for so many KV heads. */
  public static CpuBlockList of(BlockList list, int kvHeads) {
    CpuBlockList cpu = of(list);
    if (cpu.kvHeads() != kvHeads) {
      throw new IllegalArgumentException(
          "block lists of " + cpu.kvHeads() + " KV heads for " + kvHeads);
    }
    return cpu;
  }

  int kvHeads() {
    return shape.kvHeads();
  }

  @Override
  public void begin(Segments next) {
    shape.requireSegments(next.count());
    segments = next;
    Arrays.fill(counts, 0, next.count() * shape.kvHeads(), 0);
  }

  @Override
  public Segments segments() {
    return segments;
  }

  @Override
  public void set(int segment, int kvHead, int[] blocks) {
    shape.requireBlocks(blocks, segments.blocksBefore(segment));
    int list = segment * shape.kvHeads() + kvHead;
    System.arraycopy(blocks, 0, entries, list * shape.maxBlocks(), blocks.length);
    counts[list] = blocks.length;
  }

  /** Blocks in a list. */
  public int count(int segment, int kvHead) {
    return counts[segment * shape.kvHeads() + kvHead];
  }

  /** Entry {@code i} of a list. */
  public int block(int segment, int kvHead, int i) {
    return entries[(segment * shape.kvHeads() + kvHead) * shape.maxBlocks() + i];
  }

  @Override
  public int[] read(int segment, int kvHead) {
    int list = segment * shape.kvHeads() + kvHead;
    int start = list * shape.maxBlocks();
    return Arrays.copyOfRange(entries, start, start + counts[list]);
  }

  @Override
  public void close() {}
}
