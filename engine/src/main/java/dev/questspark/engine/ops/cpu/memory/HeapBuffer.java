package dev.questspark.engine.ops.cpu.memory;

import dev.questspark.engine.ops.Buffer;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.Tensor;

/**
 * Part of a Java array of at most 2^31 - 9 elements, which other buffers may share: floats, bf16
 * bit patterns as shorts, or bytes. The array goes when the last of them is closed.
 */
public final class HeapBuffer implements Buffer {
  /** Some virtual machines refuse arrays of the last few lengths. */
  private static final long MAX_LENGTH = Integer.MAX_VALUE - 8;

  private final int from;
  private final long bytes;
  private Object array;

  /**
   * Elements [from, from + count) of an array.
   *
   * @param array of {@link #array}
   */
  public HeapBuffer(Object array, DType dtype, int from, long count) {
    this.array = array;
    this.from = from;
    this.bytes = Math.multiplyExact(count, (long) dtype.bytes());
  }

  /**
   * A zeroed array.
   *
   * @throws IllegalArgumentException for more elements than an array holds, or for F16
   */
  public static Object array(DType dtype, long count) {
    if (count > MAX_LENGTH) {
      throw new IllegalArgumentException(
          "a CPU buffer of "
              + count
              + " numbers; one buffer holds at most "
              + MAX_LENGTH
              + ", so lower kv_cache_memory_bytes or max_num_batched_tokens");
    }
    return switch (dtype) {
      case F32 -> new float[(int) count];
      case BF16 -> new short[(int) count];
      case I8 -> new byte[(int) count];
      case F16 -> throw new IllegalArgumentException("the CPU backend keeps no numbers in f16");
    };
  }

  /** The array behind an f32 tensor of this backend. */
  public static float[] floats(Tensor tensor) {
    return (float[]) array(tensor, DType.F32);
  }

  /** The array behind a bf16 tensor of this backend. */
  public static short[] bf16s(Tensor tensor) {
    return (short[]) array(tensor, DType.BF16);
  }

  /** The array behind an 8-bit tensor of this backend. */
  public static byte[] int8s(Tensor tensor) {
    return (byte[]) array(tensor, DType.I8);
  }

  private static Object array(Tensor tensor, DType dtype) {
    if (tensor.dtype() != dtype || !(tensor.buffer() instanceof HeapBuffer heap)) {
      throw new IllegalArgumentException(
          "expected one of the CPU backend's "
              + dtype
              + " tensors, not "
              + tensor.dtype()
              + " in "
              + tensor.buffer().getClass().getSimpleName());
    }
    if (heap.array == null) {
      throw new IllegalStateException("a CPU buffer was used after it was closed");
    }
    return heap.array;
  }

  /** Index of element (row, 0) in the array; fits an int because the array does. */
  public static int at(Tensor tensor, int row) {
    int from = ((HeapBuffer) tensor.buffer()).from;
    return (int) (from + tensor.offset() + (long) row * tensor.rowStride());
  }

  @Override
  public long bytes() {
    return bytes;
  }

  @Override
  public void close() {
    array = null;
  }
}
