package dev.questspark.engine.ops.cpu.pages;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.PageScore;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.memory.CacheLines;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.simd.Int8Pair;
import dev.questspark.engine.ops.cpu.simd.SimdOps;

/**
 * One digest pair of one layer: (page, kvHead) -> [min | max] or [mean | std], each D channels, in
 * the cache's dtype or in 8 bits ({@link Int8Pair}). A channel's tokens are taken in order, so that
 * the bits depend on the keys alone; minimum and maximum are keys, so the cache's dtype has them.
 */
final class CpuDigests {
  private final PageScore kind;
  private final CpuKvPages pages;
  private final float[] floats; // of these three arrays, one is not null
  private final short[] bits;
  private final byte[] bytes;
  private final int from;

  CpuDigests(PageScore kind, Tensor tensor, CpuKvPages pages) {
    int width = pages.digestColumns;
    OpArguments.require(kind + " digests", tensor, pages.pages() * pages.kvHeads, width);
    if (tensor.rowStride() != width) {
      throw new IllegalArgumentException(
          kind + " digests have stride " + tensor.rowStride() + "; it must be " + width);
    }
    this.kind = kind;
    this.pages = pages;
    this.floats = tensor.dtype() == DType.F32 ? HeapBuffer.floats(tensor) : null;
    this.bits = tensor.dtype() == DType.BF16 ? HeapBuffer.bf16s(tensor) : null;
    this.bytes = tensor.dtype() == DType.I8 ? HeapBuffer.int8s(tensor) : null;
    this.from = HeapBuffer.at(tensor, 0);
  }

  CpuKvPages pages() {
    return pages;
  }

  /** The pairs as floats, or null if they are narrower: then {@link #widen} one at a time. */
  float[] floats() {
    return floats;
  }

  /** Copies one narrow pair as floats. */
  void widen(int pair, float[] target, int at, SimdOps simd) {
    int channels = 2 * pages.headDim;
    if (bits != null) {
      simd.widen(bits, pair, target, at, channels);
    } else {
      simd.widen(bytes, pair, pair + channels, target, at, channels);
    }
  }

  /** Asks memory for the pairs of all KV heads of a page. */
  float touch(int page) {
    int at = pairAt(page, 0);
    int end = at + pages.kvHeads * pages.digestColumns;
    if (floats != null) {
      return CacheLines.touch(floats, at, end);
    }
    return bits != null ? CacheLines.touch(bits, at, end) : CacheLines.touch(bytes, at, end);
  }

  /** Index of the pair of (page, kvHead). */
  int pairAt(int page, int kvHead) {
    return (int) (from + ((long) page * pages.kvHeads + kvHead) * pages.digestColumns);
  }

  /**
   * Recomputes the page's digests from its first {@code tokens} keys.
   *
   * @param pair scratch, at least 2 D
   */
  void recompute(int page, int tokens, float[] pair) {
    for (int head = 0; head < pages.kvHeads; head++) {
      int key = pages.keyAt(page, head);
      for (int c = 0; c < pages.headDim; c++, key += pages.pageSize) {
        if (kind == PageScore.MINMAX) {
          minMax(pair, c, key, tokens);
        } else {
          meanStd(pair, c, key, tokens);
        }
      }
      write(pair, pairAt(page, head));
    }
  }

  private void minMax(float[] pair, int channel, int key, int tokens) {
    float low = pages.key(key);
    float high = low;
    for (int t = 1; t < tokens; t++) {
      float x = pages.key(key + t);
      low = Math.min(low, x);
      high = Math.max(high, x);
    }
    pair[channel] = low;
    pair[pages.headDim + channel] = high;
  }

  /** Two passes: the variance is the mean of squared distances, so nothing cancels. */
  private void meanStd(float[] pair, int channel, int key, int tokens) {
    float mean = 0;
    for (int t = 0; t < tokens; t++) {
      mean += pages.key(key + t);
    }
    mean /= tokens;
    float squares = 0;
    for (int t = 0; t < tokens; t++) {
      float distance = pages.key(key + t) - mean;
      squares = Math.fma(distance, distance, squares);
    }
    pair[channel] = mean;
    pair[pages.headDim + channel] = (float) Math.sqrt(squares / tokens);
  }

  private void write(float[] pair, int at) {
    int channels = 2 * pages.headDim;
    if (floats != null) {
      System.arraycopy(pair, 0, floats, at, channels);
    } else if (bits != null) {
      for (int i = 0; i < channels; i++) {
        bits[at + i] = DType.floatToBf16(pair[i]);
      }
    } else {
      Int8Pair.write(kind, pair, pages.headDim, bytes, at);
    }
  }

  /** Copies the digests of one page to another. */
  void copy(int fromPage, int toPage) {
    int count = pages.kvHeads * pages.digestColumns;
    Object array = floats != null ? floats : bits != null ? bits : bytes;
    System.arraycopy(array, pairAt(fromPage, 0), array, pairAt(toPage, 0), count);
  }
}
