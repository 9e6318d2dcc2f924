package dev.questspark.engine.ops;

import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.prune.Int4Keys;

/**
 * The shape of the paged KV cache, and all byte arithmetic about it (in long, nowhere else).
 *
 * <p>One page holds {@code pageSize} consecutive tokens of one sequence, in B = pageSize /
 * digestBlockSize blocks. In memory a layer's keys are (page, kvHead, slot, headDim), or (page,
 * kvHead, block, headDim, slot in block) where the backend's {@link KeyOrder} says so; one KV
 * head's share of a page is contiguous. Values are (page, kvHead, slot, headDim). A digest is one
 * pair of vectors per (page, block, kvHead): (page, block, kvHead, 2, headDim), so that to digests
 * a block is a small page with id page * B + block. A partly filled block's digest describes the
 * keys that are there.
 *
 * <p>An 8-bit digest, {@link DType#I8}, is (page, block, kvHead, {@link #digestColumns}) bytes: D
 * integers of the first vector, D of the second, one exponent byte per {@link #SCALE_CHANNELS} of
 * these 2 D, and an unused rest up to whole 16 bytes. Element e stands for integer e times
 * 2^(exponent[e / 16] - 127), exactly. The exponent is the smallest, but at least 1, with which the
 * integers that share it are at most 127 in magnitude (the scheme of MXINT8 in the OCP Microscaling
 * formats, 16 at a time). {@link PageScore} says how each vector is rounded.
 *
 * @param layers transformer layers
 * @param kvHeads KV heads per layer
 * @param headDim channels per head
 * @param pageSize tokens per page
 * @param dtype element type of keys and values
 * @param digestDType element type of digests: {@code dtype}, or I8
 * @param digestBlockSize tokens that share one digest, a divisor of {@code pageSize}
 */
public record KvGeometry(
    int layers,
    int kvHeads,
    int headDim,
    int pageSize,
    DType dtype,
    DType digestDType,
    int digestBlockSize) {

  /** Consecutive channels of an 8-bit digest that share an exponent. */
  public static final int SCALE_CHANNELS = 16;

  /** 8-bit digests fill whole units of this many bytes: what a GPU thread loads at once. */
  private static final int DIGEST_UNIT_BYTES = 16;

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
    if (digestBlockSize < 1 || pageSize % digestBlockSize != 0) {
      throw new IllegalArgumentException(
          "digest blocks of " + digestBlockSize + " tokens in pages of " + pageSize);
    }
    boolean scaled = digestDType == DType.I8 && headDim % SCALE_CHANNELS == 0;
    if (digestDType != dtype && !scaled) {
      throw new IllegalArgumentException(
          digestDType + " digests of " + dtype + " keys with " + headDim + " channels");
    }
  }

  /** A cache with one digest per page, of the dtype of its keys. */
  public KvGeometry(int layers, int kvHeads, int headDim, int pageSize, DType dtype) {
    this(layers, kvHeads, headDim, pageSize, dtype, dtype, pageSize);
  }

  /** How tokens are divided. */
  public PageShape shape() {
    return new PageShape(pageSize, digestBlockSize);
  }

  /** Digest blocks of a page, B. */
  public int blocksPerPage() {
    return pageSize / digestBlockSize;
  }

  /** Elements of one digest pair of one (page, block, kvHead). */
  public int digestColumns() {
    if (digestDType != DType.I8) {
      return 2 * headDim;
    }
    int bytes = 2 * headDim + 2 * headDim / SCALE_CHANNELS;
    return (bytes + DIGEST_UNIT_BYTES - 1) / DIGEST_UNIT_BYTES * DIGEST_UNIT_BYTES;
  }

  /** Bytes of keys or of values of one token of one KV head. */
  public long vectorBytes() {
    return (long) headDim * dtype.bytes();
  }

  /** Bytes of keys and values of one page, one layer, all KV heads. */
  public long pageBytesPerLayer() {
    return Math.multiplyExact(2L * pageSize * kvHeads, vectorBytes());
  }

  /**
   * Bytes of the digest pairs of one page, one layer, all KV heads: 1/digestBlockSize of K+V in the
   * cache's dtype.
   */
  public long digestBytesPerLayer() {
    return scoreBytes((long) blocksPerPage() * kvHeads);
  }

  /** How keys lie in 4 bits. */
  public Int4Keys int4Keys() {
    return new Int4Keys(headDim, pageSize);
  }

  /** Bytes of the 4-bit keys of one page over all layers. */
  public long int4KeyBytes() {
    return Math.multiplyExact((long) layers * kvHeads, (long) int4Keys().columns());
  }

  /** Bytes read to estimate the weights of {@code tokens} tokens of one KV head. */
  public long estimateBytes(long tokens) {
    return Math.multiplyExact(tokens, (long) int4Keys().tokenBytes());
  }

  /** Bytes of one page over all layers with the digests of {@code digestPairs} scores. */
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

  /** Bytes read to score {@code blocks} blocks of one KV head: one digest pair each. */
  public long scoreBytes(long blocks) {
    return Math.multiplyExact(blocks, (long) digestColumns() * digestDType.bytes());
  }
}
