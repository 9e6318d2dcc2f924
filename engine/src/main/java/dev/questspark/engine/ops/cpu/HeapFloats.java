package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.Buffer;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.Tensor;

/** Floats in one Java array: at most 2^31 - 9 of them (8 GiB). */
final class HeapFloats implements Buffer {
  /** Some virtual machines refuse arrays of the last few lengths. */
  private static final long MAX_LENGTH = Integer.MAX_VALUE - 8;

  private final long bytes;
  private float[] floats;

  HeapFloats(long count) {
    this.floats = new float[length(count)];
    this.bytes = Math.multiplyExact(count, (long) Float.BYTES);
  }

  /** The length of an array of {@code count} elements. */
  static int length(long count) {
    if (count > MAX_LENGTH) {
      throw new IllegalArgumentException(
          "a CPU buffer of "
              + count
              + " numbers; one buffer holds at most "
              + MAX_LENGTH
              + ", so lower kv_cache_memory_bytes or max_num_batched_tokens");
    }
    return (int) count;
  }

  /** The array behind a tensor of this backend. */
  static float[] of(Tensor tensor) {
    if (tensor.dtype() != DType.F32 || !(tensor.buffer() instanceof HeapFloats heap)) {
      throw new IllegalArgumentException(
          "the CPU backend works on its own f32 tensors, not on "
              + tensor.dtype()
              + " in "
              + tensor.buffer().getClass().getSimpleName());
    }
    if (heap.floats == null) {
      throw new IllegalStateException("a CPU buffer was used after it was closed");
    }
    return heap.floats;
  }

  /** Index of element (row, 0); fits an int because the array does. */
  static int at(Tensor tensor, int row) {
    return (int) (tensor.offset() + (long) row * tensor.rowStride());
  }

  @Override
  public long bytes() {
    return bytes;
  }

  @Override
  public void close() {
    floats = null;
  }
}
