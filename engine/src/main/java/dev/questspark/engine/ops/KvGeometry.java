package dev.questspark.engine.ops;

/**
 * The shape of the paged KV cache, and all byte arithmetic about it (in long, nowhere else).
 *
 * <p>One page holds {@code pageSize} consecutive tokens of one sequence. In memory a layer's keys
 * are (page, kvHead, slot, headDim), or (page, kvHead, headDim, slot) where the backend's {@link
 * KeyOrder} says so; one KV head's share of a page is contiguous. Values are (page, kvHead, slot,
 * headDim). A digest is one pair of vectors per (page, kvHead): (page, kvHead, 2, headDim).
 *
 * @param layers transformer layers
 * @param kvHeads KV heads per layer
 * @param headDim channels per head
 * @param pageSize tokens per page
 * @param dtype element type of keys, values and digests
 */
public record KvGeometry(int layers, int kvHeads, int headDim, int pageSize, DType dtype) {

  public KvGeometry {
    if (layers < 1 || kvHeads < 1 || headDim < 1 || pageSize < 1) {
      throw new IllegalArgumentException(
          "KV geometry: layers "
              + layers
              + ", kvHeads "
              + kvHeads
              + ", headDim "
              + headDim
              + ", pageSize "
              + pageSize);
    }
  }

  /** Bytes of keys or of values of one token of one KV head. */
  public long vectorBytes() {
    return (long) headDim * dtype.bytes();
  }

  /** Bytes of keys and values of one page, one layer, all KV heads. */
  public long pageBytesPerLayer() {
    return Math.multiplyExact(2L * pageSize * kvHeads, vectorBytes());
  }

  /** Bytes of one digest pair of one page, one layer, all KV heads: 1/pageSize of K+V. */
  public long digestBytesPerLayer() {
    return Math.multiplyExact(2L * kvHeads, vectorBytes());
  }

  /** Bytes of one page over all layers with {@code digestPairs} digest pairs. */
  public long pageBytes(int digestPairs) {
    return Math.multiplyExact(layers, pageBytesPerLayer() + digestPairs * digestBytesPerLayer());
  }

  /** Pages that hold {@code tokens} tokens. */
  public int pagesFor(int tokens) {
    return (tokens + pageSize - 1) / pageSize;
  }

  /** Bytes read by attention over {@code tokens} tokens of one KV head: keys and values. */
  public long attendBytes(long tokens) {
    return Math.multiplyExact(2L * tokens, vectorBytes());
  }

  /** Bytes read to score {@code pages} pages of one KV head: one digest pair each. */
  public long scoreBytes(long pages) {
    return Math.multiplyExact(2L * pages, vectorBytes());
  }
}
