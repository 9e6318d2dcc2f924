package dev.questspark.engine.ops.cpu.attention;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.onednn.NativeNumbers;
import dev.questspark.engine.ops.cpu.onednn.OneDnn;
import dev.questspark.engine.ops.cpu.pages.CpuBatch;
import dev.questspark.engine.ops.cpu.pages.CpuKvPages;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import java.util.Arrays;
import org.bytedeco.dnnl.memory;

/**
 * Keys and values of {@link #SLOTS} consecutive positions, copied from their pages to where oneDNN
 * reads them, in the type that the cache keeps them in. Belongs to one worker.
 */
final class FlashBlock {
  /** Positions of a block. */
  static final int SLOTS = 256;

  /**
   * Numbers from one channel of the keys to the next: more than the block, or the same slots of all
   * channels would fall into a few sets of the first-level cache.
   */
  private static final int KEY_STRIDE = SLOTS + 16;

  private final DType dtype;
  private final int headDim;
  private final SimdOps simd;
  private final NativeNumbers keys;
  private final NativeNumbers values;
  private final Object heapKeys; // gathered here, to go to native memory in one piece
  private final Object zeros;

  FlashBlock(DType dtype, int headDim, SimdOps simd) {
    this.dtype = dtype;
    this.headDim = headDim;
    this.simd = simd;
    this.keys = new NativeNumbers(dtype, (long) headDim * KEY_STRIDE);
    this.values = new NativeNumbers(dtype, (long) SLOTS * headDim);
    this.heapKeys = HeapBuffer.array(dtype, (long) headDim * KEY_STRIDE);
    this.zeros = HeapBuffer.array(dtype, (long) SLOTS * headDim);
  }

  DType dtype() {
    return dtype;
  }

  int headDim() {
    return headDim;
  }

  /** The keys, (headDim, SLOTS). */
  memory keyMatrix(OneDnn library) {
    return keys.matrix(library, 0, headDim, SLOTS, KEY_STRIDE);
  }

  /** The values, (SLOTS, headDim). */
  memory valueMatrix(OneDnn library) {
    return values.matrix(library, 0, SLOTS, headDim, headDim);
  }

  /** Keys (headDim, SLOTS) and values (SLOTS, headDim) from arrays of this type. */
  void fill(Object channels, Object rows) {
    for (int c = 0; c < headDim; c++) {
      keys.put(c * KEY_STRIDE, channels, c * SLOTS, SLOTS);
    }
    values.put(0, rows, 0, SLOTS * headDim);
  }

  /**
   * Copies the keys and values at places [first, last) of the block that begins at place {@code
   * start}; the other slots become zeros.
   *
   * @param row of the batch, whose sequence it is
   */
  void load(
      CpuKvPages pages,
      CpuBatch batch,
      int row,
      int kvHead,
      KeyRuns runs,
      int start,
      int first,
      int last) {
    if (last - first < SLOTS) {
      clearKeys();
      values.put(0, zeros, 0, SLOTS * headDim);
    }
    for (int at = first; at < last; ) {
      int position = runs.positionAt(at);
      int end = position + Math.min(runs.together(at), last - at);
      at += copy(pages, batch, row, kvHead, position, end, at - start);
    }
    keys.put(0, heapKeys, 0, KEY_STRIDE * headDim);
  }

  /** Copies positions [first, last) to slots from {@code to} on; returns how many they are. */
  private int copy(
      CpuKvPages pages, CpuBatch batch, int row, int kvHead, int first, int last, int to) {
    int tokens;
    for (int at = first; at < last; at += tokens) {
      int slot = at % pages.pageSize;
      tokens = Math.min(pages.pageSize - slot, last - at);
      int page = batch.page(row, at / pages.pageSize);
      int target = to + at - first;
      pages.copyChannels(page, kvHead, slot, tokens, heapKeys, target, KEY_STRIDE, simd);
      int value = pages.valueAt(page, kvHead) + slot * headDim;
      values.put(target * headDim, pages.valueArray(), value, tokens * headDim);
    }
    return last - first;
  }

  private void clearKeys() {
    if (dtype == DType.F32) {
      Arrays.fill((float[]) heapKeys, 0f);
    } else {
      Arrays.fill((short[]) heapKeys, (short) 0);
    }
  }
}
