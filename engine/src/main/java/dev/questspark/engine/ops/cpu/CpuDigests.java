package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.PageScore;
import dev.questspark.engine.ops.Tensor;

/**
 * One digest pair of one layer: (page, kvHead) -> [min | max] or [mean | std], each D channels, in
 * the cache's dtype. A channel's tokens are taken in order, so that the bits depend on the keys
 * alone; minimum and maximum are keys, so rounding cannot touch them.
 */
final class CpuDigests {
  private final PageScore kind;
  private final CpuKvPages pages;
  private final float[] floats; // null in bf16
  private final short[] bits; // null in f32
  private final long from;

  CpuDigests(PageScore kind, Tensor tensor, CpuKvPages pages) {
    int width = 2 * pages.headDim;
    Shapes.require(kind + " digests", tensor, pages.pages() * pages.kvHeads, width);
    if (tensor.rowStride() != width) {
      throw new IllegalArgumentException(
          kind + " digests have stride " + tensor.rowStride() + "; it must be " + width);
    }
    this.kind = kind;
    this.pages = pages;
    this.floats = tensor.dtype() == DType.BF16 ? null : HeapFloats.of(tensor);
    this.bits = tensor.dtype() == DType.BF16 ? HeapShorts.of(tensor) : null;
    this.from = tensor.offset();
  }

  CpuKvPages pages() {
    return pages;
  }

  /** The pairs as floats, or null if they are bf16: then {@link #widen} one at a time. */
  float[] floats() {
    return floats;
  }

  /** Copies one bf16 pair as floats. */
  void widen(int pair, float[] target, int at, Loops loops) {
    loops.widen(bits, pair, target, at, 2 * pages.headDim);
  }

  /** Asks memory for the pairs of all KV heads of a page. */
  float touch(int page) {
    int at = pairAt(page, 0);
    int end = at + pages.kvHeads * 2 * pages.headDim;
    return bits == null ? CacheLines.touch(floats, at, end) : CacheLines.touch(bits, at, end);
  }

  /** Index of the pair of (page, kvHead). */
  int pairAt(int page, int kvHead) {
    return (int) (from + ((long) page * pages.kvHeads + kvHead) * 2 * pages.headDim);
  }

  /** Recomputes the page's digests from its first {@code tokens} keys. */
  void recompute(int page, int tokens) {
    for (int head = 0; head < pages.kvHeads; head++) {
      int pair = pairAt(page, head);
      int key = pages.keyAt(page, head);
      for (int c = 0; c < pages.headDim; c++, key += pages.pageSize) {
        if (kind == PageScore.MINMAX) {
          minMax(pair + c, key, tokens);
        } else {
          meanStd(pair + c, key, tokens);
        }
      }
    }
  }

  private void minMax(int at, int key, int tokens) {
    float low = pages.key(key);
    float high = low;
    for (int t = 1; t < tokens; t++) {
      float x = pages.key(key + t);
      low = Math.min(low, x);
      high = Math.max(high, x);
    }
    set(at, low);
    set(at + pages.headDim, high);
  }

  /** Two passes: the variance is the mean of squared distances, so nothing cancels. */
  private void meanStd(int at, int key, int tokens) {
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
    set(at, mean);
    set(at + pages.headDim, (float) Math.sqrt(squares / tokens));
  }

  private void set(int at, float value) {
    if (bits == null) {
      floats[at] = value;
    } else {
      bits[at] = DType.floatToBf16(value);
    }
  }

  /** Copies the digests of one page to another. */
  void copy(int fromPage, int toPage) {
    int count = pages.kvHeads * 2 * pages.headDim;
    Object array = bits == null ? floats : bits;
    System.arraycopy(array, pairAt(fromPage, 0), array, pairAt(toPage, 0), count);
  }
}
