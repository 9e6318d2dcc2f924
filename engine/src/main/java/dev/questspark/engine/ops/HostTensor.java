package dev.questspark.engine.ops;

import java.nio.ByteBuffer;

/**
 * A tensor of a checkpoint, still in host memory (usually a memory-mapped file).
 *
 * @param name the checkpoint's name for it, for error messages
 * @param dtype element type as stored
 * @param rows product of all dimensions but the last; 1 for a vector
 * @param cols last dimension
 * @param data little-endian bytes, exactly {@code rows * cols * dtype.bytes()} from position 0
 */
public record HostTensor(String name, DType dtype, int rows, int cols, ByteBuffer data) {

  public HostTensor {
    long expected = (long) rows * cols * dtype.bytes();
    if (data.limit() != expected) {
      throw new IllegalArgumentException(
          name
              + ": "
              + data.limit()
              + " bytes, but "
              + rows
              + " x "
              + cols
              + " "
              + dtype
              + " needs "
              + expected);
    }
  }

  /** Element (row, col), widened to float; exact for every dtype. */
  public float get(int row, int col) {
    int index =
        Math.multiplyExact(Math.addExact(Math.multiplyExact(row, cols), col), dtype.bytes());
    return switch (dtype) {
      case F32 -> data.getFloat(index);
      case BF16 -> DType.bf16ToFloat(data.getShort(index));
      case F16 -> DType.f16ToFloat(data.getShort(index));
      case I8 -> data.get(index);
    };
  }
}
