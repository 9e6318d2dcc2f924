package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.Buffer;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.Tensor;

/** Bytes in one Java array: at most 2^31 - 9 of them. */
final class HeapBytes implements Buffer {
  private final long length;
  private byte[] bytes;

  HeapBytes(long count) {
    this.bytes = new byte[HeapFloats.length(count)];
    this.length = count;
  }

  /** The array behind an 8-bit tensor of this backend. */
  static byte[] of(Tensor tensor) {
    if (tensor.dtype() != DType.I8 || !(tensor.buffer() instanceof HeapBytes heap)) {
      throw new IllegalArgumentException(
          "expected one of the CPU backend's i8 tensors, not "
              + tensor.dtype()
              + " in "
              + tensor.buffer().getClass().getSimpleName());
    }
    if (heap.bytes == null) {
      throw new IllegalStateException("a CPU buffer was used after it was closed");
    }
    return heap.bytes;
  }

  @Override
  public long bytes() {
    return length;
  }

  @Override
  public void close() {
    bytes = null;
  }
}
