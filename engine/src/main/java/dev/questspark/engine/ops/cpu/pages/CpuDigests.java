package dev.questspark.engine.ops.cpu.pages;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.memory.CacheLines;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.simd.Int8Pair;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import dev.questspark.engine.ops.digest.PageScore;

/**
 * The digests of one score in one layer: (block, kvHead) -> a pair of vectors of D channels, in the
 * cache's dtype or in 8 bits ({@link Int8Pair}). Block b of a page has id page * B + b.
 */
public final class CpuDigests {
  private final PageScore score;
  private final CpuKvPages pages; // whose keys they describe; null where somebody else reads them
  private final int headDim;
  private final int kvHeads;
  private final int blocks; // of a page
  private final int columns;
  private final float[] floats; // of these three arrays, one is not null
  private final short[] bits;
  private final byte[] bytes;
  private final int from;

  CpuDigests(PageScore score, Tensor tensor, CpuKvPages pages) {
    this(
        score,
        tensor,
        pages,
        new int[] {
          pages.pages(),
          pages.pageSize / pages.blockSize,
          pages.kvHeads,
          pages.headDim,
          pages.digestColumns
        });
  }

  /** Digests of pages whose keys are read elsewhere. */
  public CpuDigests(PageScore score, Tensor tensor, KvGeometry geometry, int pages) {
    this(
        score,
        tensor,
        null,
        new int[] {
          pages,
          geometry.blocksPerPage(),
          geometry.kvHeads(),
          geometry.headDim(),
          geometry.digestColumns()
        });
  }

  /**
   * @param shape pages, blocks of a page, KV heads, head_dim, columns
   */
  private CpuDigests(PageScore score, Tensor tensor, CpuKvPages pages, int[] shape) {
    this.blocks = shape[1];
    this.kvHeads = shape[2];
    this.headDim = shape[3];
    this.columns = shape[4];
    int width = columns;
    OpArguments.require(score + " digests", tensor, shape[0] * blocks * kvHeads, width);
    if (tensor.rowStride() != width) {
      throw new IllegalArgumentException(
          score + " digests have stride " + tensor.rowStride() + "; it must be " + width);
    }
    this.score = score;
    this.pages = pages;
    this.floats = tensor.dtype() == DType.F32 ? HeapBuffer.floats(tensor) : null;
    this.bits = tensor.dtype() == DType.BF16 ? HeapBuffer.bf16s(tensor) : null;
    this.bytes = tensor.dtype() == DType.I8 ? HeapBuffer.int8s(tensor) : null;
    this.from = HeapBuffer.at(tensor, 0);
  }

  CpuKvPages pages() {
    return pages;
  }

  /**
   * Products of folded queries with pairs: out[at + g * stride + i] for query g and the pair at
   * {@code pairs[i]}.
   *
   * @param probes (queries, 2 D) from {@code probe} on
   * @param wide scratch, at least count * 2 D
   */
  public void multiply(
      float[] out,
      int at,
      int stride,
      float[] probes,
      int probe,
      int queries,
      int[] pairs,
      int count,
      float[] wide,
      SimdOps simd) {
    int channels = 2 * headDim;
    if (bytes != null && queries == 1) {
      simd.dots(out, at, probes, probe, bytes, pairs, count, channels);
      return;
    }
    for (int i = 0; i < count; i++) {
      read(pairs[i], wide, i * channels, simd);
    }
    simd.dots(out, at, stride, probes, probe, queries, wide, count, channels);
  }

  /** Copies one pair as floats. */
  private void read(int pair, float[] target, int at, SimdOps simd) {
    int channels = 2 * headDim;
    if (floats != null) {
      System.arraycopy(floats, pair, target, at, channels);
    } else if (bits != null) {
      simd.widen(bits, pair, target, at, channels);
    } else {
      simd.widen(bytes, pair, pair + channels, target, at, channels);
    }
  }

  /**
   * Asks memory for the pairs of all KV heads of a block, of which the first begins at {@code at}.
   */
  float touch(int at) {
    int end = at + kvHeads * columns;
    if (floats != null) {
      return CacheLines.touch(floats, at, end);
    }
    return bits != null ? CacheLines.touch(bits, at, end) : CacheLines.touch(bytes, at, end);
  }

  /** Index of the pair of (block, kvHead). */
  public int pairAt(int block, int kvHead) {
    return (int) (from + ((long) block * kvHeads + kvHead) * columns);
  }

  /**
   * Recomputes the digests of a page's block from its first {@code tokens} keys.
   *
   * @param keys scratch, at least {@link CpuKvPages#blockFloats}
   * @param pair scratch, at least 2 D
   */
  void recompute(int page, int block, int tokens, float[] keys, float[] pair, SimdOps simd) {
    int floats = pages.blockFloats();
    for (int head = 0; head < pages.kvHeads; head++) {
      pages.readKeys(pages.keyAt(page, head) + block * floats, keys, 0, floats, simd);
      score.digest(pair, keys, pages.headDim, pages.blockSize, tokens);
      write(pair, pairAt(page * blocks + block, head));
    }
  }

  /** Stores a pair at an index of {@link #pairAt}. */
  public void write(float[] pair, int at) {
    int channels = 2 * headDim;
    if (floats != null) {
      System.arraycopy(pair, 0, floats, at, channels);
    } else if (bits != null) {
      for (int i = 0; i < channels; i++) {
        bits[at + i] = DType.floatToBf16(pair[i]);
      }
    } else {
      Int8Pair.write(score, pair, headDim, bytes, at);
    }
  }

  /** Copies the digests of one page to another. */
  void copy(int fromPage, int toPage) {
    int count = blocks * kvHeads * columns;
    Object array = floats != null ? floats : bits != null ? bits : bytes;
    int source = pairAt(fromPage * blocks, 0);
    System.arraycopy(array, source, array, pairAt(toPage * blocks, 0), count);
  }
}
