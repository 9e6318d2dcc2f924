package dev.questspark.engine.ops.prefix;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.KvGeometry;

/**
 * The shape of a prefix store's pages, and all byte arithmetic about them. A page holds {@link
 * #SLOTS} tokens of one KV head of one layer, wherever in the document they stood. Keys lie in
 * tiles of {@link #tile} slots, (tile, headDim, slot in tile), values as (slot, headDim).
 *
 * <pre>
 * WHOLE     keys, values                                                of the cache's dtype
 * integers  keys' integers (tile, headDim, slot), (headDim) scale and zero,
 *           values' integers (slot, headDim), (slot, headDim / 32) scale and zero        bytes
 * </pre>
 *
 * <p>Integers of less than 8 bits fill a byte from its low bits on. A scale and its zero are two
 * bf16 numbers, low byte first.
 *
 * @param headDim channels per head; with integers a multiple of {@link PageFormat#GROUP}
 * @param tile tokens whose keys lie together, channel by channel, and share a digest: a divisor of
 *     {@link #SLOTS}, at least 4
 * @param dtype of the live cache
 * @param digestDType of digests, as {@link KvGeometry}'s
 * @param format how elements are stored
 */
public record PrefixGeometry(
    int headDim, int tile, DType dtype, DType digestDType, PageFormat format) {

  /** Tokens of a page. */
  public static final int SLOTS = 32;

  private static final int SCALE_BYTES = 4; // scale and zero

  public PrefixGeometry {
    if (tile < 4 || SLOTS % tile != 0) {
      throw new IllegalArgumentException("tiles of " + tile + " in prefix pages of " + SLOTS);
    }
    if (format.quantized() && headDim % PageFormat.GROUP != 0) {
      throw new IllegalArgumentException(format + " with " + headDim + " channels");
    }
  }

  /** The tile for digests of so many tokens: as many where a page divides into them, else all. */
  public static int tileOf(int digestBlockSize) {
    return digestBlockSize >= 4 && SLOTS % digestBlockSize == 0 ? digestBlockSize : SLOTS;
  }

  /** Its digests: those of a cache with pages of {@link #SLOTS} tokens of one KV head. */
  public KvGeometry digests() {
    return new KvGeometry(1, 1, headDim, SLOTS, dtype, digestDType, tile);
  }

  /** What pages are made of. */
  public DType storage() {
    return format.quantized() ? DType.I8 : dtype;
  }

  /** Tiles of a page. */
  public int tiles() {
    return SLOTS / tile;
  }

  /** Bytes of the integers of a key channel in one tile. */
  public int tileChannelBytes() {
    return tile * format.keyBits() / 8;
  }

  /** Elements of storage before the keys' scales. */
  public int keyElements() {
    return format.quantized() ? SLOTS * headDim * format.keyBits() / 8 : SLOTS * headDim;
  }

  /** Where the values begin. */
  public int valueStart() {
    return format.quantized() ? keyElements() + headDim * SCALE_BYTES : keyElements();
  }

  /** Bytes of the integers of one token's value. */
  public int valueBytes() {
    return headDim * format.valueBits() / 8;
  }

  /** Where the values' scales begin. */
  public int valueScaleStart() {
    return valueStart() + SLOTS * valueBytes();
  }

  /** Elements of storage of a page. */
  public int pageElements() {
    return format.quantized()
        ? valueScaleStart() + SLOTS * (headDim / PageFormat.GROUP) * SCALE_BYTES
        : 2 * SLOTS * headDim;
  }

  /** Bytes of a page without digests. */
  public long pageBytes() {
    return (long) pageElements() * storage().bytes();
  }

  /** Bytes of a page with the digests of so many scores. */
  public long pageBytes(int digestPairs) {
    return pageBytes() + digestPairs * digests().digestBytesPerLayer();
  }

  /** Bytes that attention reads for so many tokens, their part of the scales included. */
  public long attendBytes(long tokens) {
    return Math.multiplyExact(tokens, pageBytes()) / SLOTS;
  }

  /** Pages for so many tokens of one KV head of one layer. */
  public static int pagesFor(int tokens) {
    return (tokens + SLOTS - 1) / SLOTS;
  }
}
