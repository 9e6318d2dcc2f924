package dev.questspark.engine.ops.cpu.pages;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.memory.CacheLines;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.simd.SimdOps;

/**
 * One layer's keys and values as arrays, for the length of one op: the only place of this backend
 * that turns (page, kvHead) into an index. Keys are {@link
 * dev.questspark.engine.ops.KeyOrder#CHANNEL_MAJOR}.
 */
public final class CpuKvPages {
  public final int headDim;
  public final int pageSize;

  /** Tokens whose keys lie together, channel by channel, and share a digest. */
  public final int blockSize;

  public final int kvHeads;
  final int digestColumns;
  private final Numbers keys;
  private final Numbers values;
  private final int window;
  private final int pages;

  /** A tensor's elements, float or bf16: the array that is not there is null. */
  private record Numbers(float[] floats, short[] bits, int from) {

    static Numbers of(Tensor tensor) {
      return tensor.dtype() == DType.BF16
          ? new Numbers(null, HeapBuffer.bf16s(tensor), HeapBuffer.at(tensor, 0))
          : new Numbers(HeapBuffer.floats(tensor), null, HeapBuffer.at(tensor, 0));
    }

    void set(int at, float value) {
      if (bits == null) {
        floats[at] = value;
      } else {
        bits[at] = DType.floatToBf16(value);
      }
    }

    float get(int at) {
      return bits == null ? floats[at] : DType.bf16ToFloat(bits[at]);
    }

    void copy(int source, int target, int count) {
      Object array = bits == null ? floats : bits;
      System.arraycopy(array, source, array, target, count);
    }

    /** See {@link CacheLines}. */
    float touch(int at, int count) {
      return bits == null
          ? CacheLines.touch(floats, at, at + count)
          : CacheLines.touch(bits, at, at + count);
    }

    /** Copies elements to a float array, widened. */
    void read(int at, float[] target, int to, int count, SimdOps simd) {
      if (bits == null) {
        System.arraycopy(floats, at, target, to, count);
      } else {
        simd.widen(bits, at, target, to, count);
      }
    }
  }

  public CpuKvPages(KvLayer kv) {
    KvGeometry geometry = kv.geometry();
    this.headDim = geometry.headDim();
    this.pageSize = geometry.pageSize();
    this.blockSize = geometry.digestBlockSize();
    this.kvHeads = geometry.kvHeads();
    this.digestColumns = geometry.digestColumns();
    this.window = kv.window();
    this.keys = Numbers.of(kv.keys());
    this.values = Numbers.of(kv.values());
    this.pages = kv.keys().rows() / (kvHeads * pageSize);
    requirePacked("keys", kv.keys().cols(), kv.keys().rowStride());
    requirePacked("values", kv.values().cols(), kv.values().rowStride());
    OpArguments.require("values", kv.values(), kv.keys().rows(), headDim);
  }

  private void requirePacked(String name, int cols, int stride) {
    if (cols != headDim || stride != headDim) {
      throw new IllegalArgumentException(
          name + " have " + cols + " columns, stride " + stride + "; head_dim is " + headDim);
    }
  }

  /** First position that a row at {@code position} sees. */
  public int firstVisible(int position) {
    return window == 0 ? 0 : Math.max(0, position - window + 1);
  }

  /** Pages that the layer has room for. */
  int pages() {
    return pages;
  }

  /** Numbers of one (page, kvHead) in keys or values. */
  public int pageFloats() {
    return pageSize * headDim;
  }

  /** The keys as floats, or null if they are bf16. */
  public float[] keyFloats() {
    return keys.floats;
  }

  /** The values as floats, or null if they are bf16. */
  public float[] valueFloats() {
    return values.floats;
  }

  /** The values as they are stored: an array of the cache's {@link #dtype}. */
  public Object valueArray() {
    return values.bits == null ? values.floats : values.bits;
  }

  /** What the cache stores: f32 or bf16. */
  public DType dtype() {
    return values.bits == null ? DType.F32 : DType.BF16;
  }

  /** Index of the keys (block, headDim, slot in block) of (page, kvHead). */
  public int keyAt(int page, int kvHead) {
    return (int) (keys.from + share(page, kvHead));
  }

  /** Index of the first value of (page, kvHead). */
  public int valueAt(int page, int kvHead) {
    return (int) (values.from + share(page, kvHead));
  }

  /** Numbers of one (block, kvHead) in keys or values. */
  public int blockFloats() {
    return blockSize * headDim;
  }

  /** Index of channel 0 of a slot's key; channel c is c * blockSize on. */
  private int keyAt(int page, int kvHead, int slot) {
    return keyAt(page, kvHead) + slot / blockSize * blockFloats() + slot % blockSize;
  }

  private long share(int page, int kvHead) {
    if (page < 0 || page >= pages) {
      throw new IllegalArgumentException("page " + page + " of a layer of " + pages + " pages");
    }
    return ((long) page * kvHeads + kvHead) * pageFloats();
  }

  /** Copies {@code count} key numbers from an index of {@link #keyAt} on, widened. */
  public void readKeys(int at, float[] target, int to, int count, SimdOps simd) {
    keys.read(at, target, to, count, simd);
  }

  /**
   * Copies the keys of {@code tokens} slots from {@code slot} on, as rows of one channel each.
   *
   * @param target an array of the cache's {@link #dtype}
   */
  public void copyChannels(
      int page,
      int kvHead,
      int slot,
      int tokens,
      Object target,
      int to,
      int toStride,
      SimdOps simd) {
    for (int done = 0; done < tokens; ) {
      int at = keyAt(page, kvHead, slot + done);
      int count = Math.min(blockSize - (slot + done) % blockSize, tokens - done);
      int place = to + done;
      if (keys.floats != null) {
        float[] floats = (float[]) target;
        simd.copyRows(keys.floats, at, blockSize, floats, place, toStride, headDim, count);
      } else {
        short[] bits = (short[]) target;
        simd.copyRows(keys.bits, at, blockSize, bits, place, toStride, headDim, count);
      }
      done += count;
    }
  }

  /** Copies {@code count} value numbers from an index of {@link #valueAt} on, widened. */
  public void readValues(int at, float[] target, int to, int count, SimdOps simd) {
    values.read(at, target, to, count, simd);
  }

  /** Asks memory for {@code count} key numbers from an index of {@link #keyAt} on. */
  public float touchKeys(int at, int count) {
    return keys.touch(at, count);
  }

  /** Asks memory for {@code count} value numbers from an index of {@link #valueAt} on. */
  public float touchValues(int at, int count) {
    return values.touch(at, count);
  }

  /** Widens one token's key to {@code target}, channel c at {@code to + c * stride}. */
  public void readKey(int page, int kvHead, int slot, float[] target, int to, int stride) {
    int at = keyAt(page, kvHead, slot);
    for (int c = 0; c < headDim; c++) {
      target[to + c * stride] = keys.get(at + c * blockSize);
    }
  }

  /** Widens one token's value. */
  public void readValue(int page, int kvHead, int slot, float[] target, int to) {
    int at = valueAt(page, kvHead) + slot * headDim;
    for (int c = 0; c < headDim; c++) {
      target[to + c] = values.get(at + c);
    }
  }

  /** Stores one token's key and value, rounded to the cache's dtype. */
  void store(int page, int kvHead, int slot, float[] key, int k, float[] value, int v) {
    int keyTo = keyAt(page, kvHead, slot);
    int valueTo = valueAt(page, kvHead) + slot * headDim;
    for (int c = 0; c < headDim; c++) {
      keys.set(keyTo + c * blockSize, key[k + c]);
      values.set(valueTo + c, value[v + c]);
    }
  }

  /** Copies a whole page, all KV heads. */
  void copy(int from, int to) {
    keys.copy(keyAt(from, 0), keyAt(to, 0), kvHeads * pageFloats());
    values.copy(valueAt(from, 0), valueAt(to, 0), kvHeads * pageFloats());
  }
}
