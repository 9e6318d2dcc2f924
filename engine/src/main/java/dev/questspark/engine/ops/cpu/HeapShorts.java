package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.Buffer;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.Tensor;

/** bf16 bit patterns in one Java array: at most 2^31 - 9 of them (4 GiB). */
final class HeapShorts implements Buffer {
  private final long bytes;
  private short[] bits;

  HeapShorts(long count) {
    this.bits = new short[HeapFloats.length(count)];
    this.bytes = Math.multiplyExact(count, (long) Short.BYTES);
  }

  /** The array behind a bf16 tensor of this backend. */
  static short[] of(Tensor tensor) {
    if (tensor.dtype() != DType.BF16 || !(tensor.buffer() instanceof HeapShorts heap)) {
      throw new IllegalArgumentException(
          "expected one of the CPU backend's bf16 tensors, not "
              + tensor.dtype()
              + " in "
              + tensor.buffer().getClass().getSimpleName());
    }
    if (heap.bits == null) {
      throw new IllegalStateException("a CPU buffer was used after it was closed");
    }
    return heap.bits;
  }

  @Override
  public long bytes() {
    return bytes;
  }

  @Override
  public void close() {
    bits = null;
  }
}
