package dev.questspark.engine.ops.cpu.attention;

import dev.questspark.engine.ops.cpu.pages.CpuKvPages;
import dev.questspark.engine.ops.cpu.simd.SimdOps;

/**
 * A few pages of one KV head, as floats: f32 pages where they stand, bf16 pages widened into
 * scratch memory that stays in the first-level cache. One per worker.
 */
final class PageBlock {
  /** Tokens of a block: keys and values of 64 tokens of 64 channels are 32 KiB of floats. */
  private static final int TOKENS = 64;

  private final SimdOps simd;
  private CpuKvPages kv;
  private float[] keys = new float[0];
  private float[] values = new float[0];
  private float[] widened = new float[0]; // keys of the block, then values
  private final int[] keyAt = new int[TOKENS];
  private final int[] valueAt = new int[TOKENS];
  private final int[] start = new int[TOKENS];
  private int pages;
  private float touched; // without a use, the compiler would drop the loads

  PageBlock(SimdOps simd) {
    this.simd = simd;
  }

  /** Pages that make a full block. */
  static int fullPages(int pageSize) {
    return Math.max(1, TOKENS / pageSize);
  }

  /** Starts an empty block. */
  void clear(CpuKvPages kv) {
    this.kv = kv;
    this.pages = 0;
    if (kv.keyFloats() != null) {
      keys = kv.keyFloats();
      values = kv.valueFloats();
      return;
    }
    int floats = fullPages(kv.pageSize) * kv.pageFloats();
    if (widened.length < 2 * floats) {
      widened = new float[2 * floats];
    }
    keys = widened;
    values = widened;
  }

  /** Adds a page whose first slot stands at position {@code startPosition}. */
  void add(int page, int kvHead, int startPosition) {
    keyAt[pages] = kv.keyAt(page, kvHead);
    valueAt[pages] = kv.valueAt(page, kvHead);
    start[pages++] = startPosition;
  }

  /** Brings the added pages into the cache, and widens them where they are bf16. */
  void load() {
    for (int i = 0; i < pages; i++) {
      touched += kv.touchKeys(keyAt[i]) + kv.touchValues(valueAt[i]);
    }
    if (keys != widened) {
      return;
    }
    int floats = kv.pageFloats();
    int valuesFrom = fullPages(kv.pageSize) * floats;
    for (int i = 0; i < pages; i++) {
      kv.readKeys(keyAt[i], widened, i * floats, floats, simd);
      keyAt[i] = i * floats;
    }
    for (int i = 0; i < pages; i++) {
      kv.readValues(valueAt[i], widened, valuesFrom + i * floats, floats, simd);
      valueAt[i] = valuesFrom + i * floats;
    }
  }

  int pages() {
    return pages;
  }

  int headDim() {
    return kv.headDim;
  }

  int pageSize() {
    return kv.pageSize;
  }

  float[] keys() {
    return keys;
  }

  float[] values() {
    return values;
  }

  /** Index of page {@code i}'s (headDim, slots) in {@link #keys}. */
  int keyAt(int i) {
    return keyAt[i];
  }

  /** Index of page {@code i}'s (slots, headDim) in {@link #values}. */
  int valueAt(int i) {
    return valueAt[i];
  }

  /** The first slot of page {@code i} that stands at {@code firstVisible} or later. */
  int first(int i, int firstVisible) {
    return Math.max(0, firstVisible - start[i]);
  }

  /** The end of the slots of page {@code i} that stand at {@code position} or earlier. */
  int last(int i, int position) {
    return Math.min(kv.pageSize, position + 1 - start[i]);
  }
}
