package dev.questspark.engine.ops.cpu.prefix;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.pages.CpuDigests;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.prefix.PageFormat;
import dev.questspark.engine.ops.prefix.PrefixGeometry;
import dev.questspark.engine.ops.prefix.PrefixPages;
import java.util.List;

/** The pages of a prefix store as arrays, for the length of one op. */
final class CpuPrefixPages {
  private static final int SLOTS = PrefixGeometry.SLOTS;
  private static final int SCALE_BYTES = 4;

  final PrefixGeometry geometry;
  final int headDim;
  final int tile;
  private final PrefixPages pages;
  private final Object[] arrays;
  private final int[] starts;

  CpuPrefixPages(PrefixPages pages) {
    this.pages = pages;
    this.geometry = pages.geometry();
    this.headDim = geometry.headDim();
    this.tile = geometry.tile();
    List<PrefixPages.Slab> slabs = pages.slabs();
    this.arrays = new Object[slabs.size()];
    this.starts = new int[slabs.size()];
    for (int i = 0; i < arrays.length; i++) {
      starts[i] = HeapBuffer.at(slabs.get(i).pages(), 0);
      arrays[i] =
          switch (geometry.storage()) {
            case F32 -> HeapBuffer.floats(slabs.get(i).pages());
            case BF16 -> HeapBuffer.bf16s(slabs.get(i).pages());
            default -> HeapBuffer.int8s(slabs.get(i).pages());
          };
    }
  }

  /** Number of the slab that holds a page. */
  int slab(int page) {
    return page / pages.pagesPerSlab();
  }

  /** Number of a page in its slab. */
  int inSlab(int page) {
    return page % pages.pagesPerSlab();
  }

  private int at(int page) {
    return Math.toIntExact(starts[slab(page)] + (long) inSlab(page) * geometry.pageElements());
  }

  /** The digests of a score, one per slab. */
  CpuDigests[] digests(PageScore score) {
    CpuDigests[] digests = new CpuDigests[arrays.length];
    for (int i = 0; i < digests.length; i++) {
      PrefixPages.Slab slab = pages.slabs().get(i);
      if (!slab.digests().containsKey(score)) {
        throw new IllegalArgumentException(
            "no " + score + " digests are kept; the prefix store has " + slab.digests().keySet());
      }
      digests[i] =
          new CpuDigests(score, slab.digests().get(score), geometry.digests(), slab.pages().rows());
    }
    return digests;
  }

  /** Widens the keys of tiles [first, first + tiles) to (tiles, headDim, tile). */
  void readKeys(int page, int first, int tiles, float[] target, int to, SimdOps simd) {
    Object array = arrays[slab(page)];
    int at = at(page);
    int tileFloats = headDim * tile;
    if (!geometry.format().quantized()) {
      copy(array, at + first * tileFloats, target, to, tiles * tileFloats, simd);
      return;
    }
    int bits = geometry.format().keyBits();
    int perChannel = geometry.tileChannelBytes();
    int scales = at + geometry.keyElements();
    byte[] bytes = (byte[]) array;
    for (int i = 0; i < tiles; i++) {
      int source = at + (first + i) * headDim * perChannel;
      for (int c = 0; c < headDim; c++) {
        GroupCodec.read(
            bytes,
            source + c * perChannel,
            tile,
            bits,
            scales + c * SCALE_BYTES,
            target,
            to + i * tileFloats + c * tile);
      }
    }
  }

  /** Widens the values of slots [first, first + count) to (count, headDim). */
  void readValues(int page, int first, int count, float[] target, int to, SimdOps simd) {
    Object array = arrays[slab(page)];
    int at = at(page);
    if (!geometry.format().quantized()) {
      int source = at + geometry.valueStart() + first * headDim;
      copy(array, source, target, to, count * headDim, simd);
      return;
    }
    int bits = geometry.format().valueBits();
    int groups = headDim / PageFormat.GROUP;
    int groupBytes = PageFormat.GROUP * bits / 8;
    int integers = at + geometry.valueStart() + first * geometry.valueBytes();
    int scales = at + geometry.valueScaleStart() + first * groups * SCALE_BYTES;
    for (int i = 0; i < count * groups; i++) {
      GroupCodec.read(
          (byte[]) array,
          integers + i * groupBytes,
          PageFormat.GROUP,
          bits,
          scales + i * SCALE_BYTES,
          target,
          to + i * PageFormat.GROUP);
    }
  }

  private void copy(Object array, int at, float[] target, int to, int count, SimdOps simd) {
    if (geometry.storage() == DType.F32) {
      System.arraycopy(array, at, target, to, count);
    } else {
      simd.widen((short[]) array, at, target, to, count);
    }
  }

  /**
   * Stores the first {@code count} slots of a page; the others become zeros.
   *
   * @param keys (headDim, SLOTS), of which slots from {@code count} on are 0
   * @param values (SLOTS, headDim), likewise
   */
  void write(int page, float[] keys, float[] values, int count) {
    Object array = arrays[slab(page)];
    int at = at(page);
    if (geometry.format().quantized()) {
      writeIntegers((byte[]) array, at, keys, values, count);
      return;
    }
    for (int i = 0; i < SLOTS * headDim; i++) {
      int slot = i / (headDim * tile) * tile + i % tile;
      set(array, at + i, keys[i / tile % headDim * SLOTS + slot]);
      set(array, at + geometry.valueStart() + i, values[i]);
    }
  }

  private static void set(Object array, int at, float value) {
    if (array instanceof float[] floats) {
      floats[at] = value;
    } else {
      ((short[]) array)[at] = DType.floatToBf16(value);
    }
  }

  private void writeIntegers(byte[] bytes, int at, float[] keys, float[] values, int count) {
    int[] integers = new int[SLOTS];
    int bits = geometry.format().keyBits();
    int perChannel = geometry.tileChannelBytes();
    for (int c = 0; c < headDim; c++) {
      int scale = at + geometry.keyElements() + c * SCALE_BYTES;
      GroupCodec.write(keys, c * SLOTS, 1, count, bits, bytes, scale, integers);
      for (int t = 0; t < geometry.tiles(); t++) {
        int target = at + (t * headDim + c) * perChannel;
        GroupCodec.pack(integers, t * tile, tile, bits, bytes, target);
      }
    }
    int groups = headDim / PageFormat.GROUP;
    int valueBits = geometry.format().valueBits();
    int groupBytes = PageFormat.GROUP * valueBits / 8;
    for (int i = 0; i < count * groups; i++) {
      int scale = at + geometry.valueScaleStart() + i * SCALE_BYTES;
      GroupCodec.write(
          values, i * PageFormat.GROUP, 1, PageFormat.GROUP, valueBits, bytes, scale, integers);
      int target = at + geometry.valueStart() + i * groupBytes;
      GroupCodec.pack(integers, 0, PageFormat.GROUP, valueBits, bytes, target);
    }
  }
}
