package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.PageScore;
import dev.questspark.engine.ops.Tensor;
import java.util.Arrays;

/**
 * One digest pair of one layer: (page, kvHead) -> [min | max] or [mean | std], each D channels.
 * Every loop runs over channels, tokens in order, so that the bits depend on the keys alone.
 */
final class CpuDigests {
  private final PageScore kind;
  private final CpuKvPages pages;
  private final float[] pairs;
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
    this.pairs = HeapFloats.of(tensor);
    this.from = tensor.offset();
  }

  CpuKvPages pages() {
    return pages;
  }

  float[] pairs() {
    return pairs;
  }

  /** Index of the pair of (page, kvHead). */
  int pairAt(int page, int kvHead) {
    return (int) (from + ((long) page * pages.kvHeads + kvHead) * 2 * pages.headDim);
  }

  /** Recomputes the page's digests from its first {@code tokens} keys. */
  void recompute(int page, int tokens) {
    for (int head = 0; head < pages.kvHeads; head++) {
      int pair = pairAt(page, head);
      int keys = pages.keyAt(page, head);
      if (kind == PageScore.MINMAX) {
        minMax(pair, keys, tokens);
      } else {
        meanStd(pair, keys, tokens);
      }
    }
  }

  private void minMax(int low, int keys, int tokens) {
    int headDim = pages.headDim;
    int high = low + headDim;
    System.arraycopy(pages.keys, keys, pairs, low, headDim);
    System.arraycopy(pages.keys, keys, pairs, high, headDim);
    for (int t = 1; t < tokens; t++) {
      int key = keys + t * headDim;
      for (int i = 0; i < headDim; i++) {
        pairs[low + i] = Math.min(pairs[low + i], pages.keys[key + i]);
      }
      for (int i = 0; i < headDim; i++) {
        pairs[high + i] = Math.max(pairs[high + i], pages.keys[key + i]);
      }
    }
  }

  /** Two passes: the variance is the mean of squared distances, so nothing cancels. */
  private void meanStd(int mean, int keys, int tokens) {
    int headDim = pages.headDim;
    int std = mean + headDim;
    Arrays.fill(pairs, mean, mean + 2 * headDim, 0f);
    for (int t = 0; t < tokens; t++) {
      int key = keys + t * headDim;
      for (int i = 0; i < headDim; i++) {
        pairs[mean + i] += pages.keys[key + i];
      }
    }
    for (int i = 0; i < headDim; i++) {
      pairs[mean + i] /= tokens;
    }
    for (int t = 0; t < tokens; t++) {
      int key = keys + t * headDim;
      for (int i = 0; i < headDim; i++) {
        float distance = pages.keys[key + i] - pairs[mean + i];
        pairs[std + i] = Math.fma(distance, distance, pairs[std + i]);
      }
    }
    for (int i = 0; i < headDim; i++) {
      pairs[std + i] = (float) Math.sqrt(pairs[std + i] / tokens);
    }
  }

  /** Copies the digests of one page to another. */
  void copy(int fromPage, int toPage) {
    int floats = pages.kvHeads * 2 * pages.headDim;
    System.arraycopy(pairs, pairAt(fromPage, 0), pairs, pairAt(toPage, 0), floats);
  }
}
