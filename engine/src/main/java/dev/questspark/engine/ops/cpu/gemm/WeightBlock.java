package dev.questspark.engine.ops.cpu.gemm;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;

/**
 * Consecutive rows of fused weights (rows, K), back to back outside the Java heap, for oneDNN to
 * pack: the mapped checkpoint itself where one part holds them all in a type that oneDNN packs
 * from, else a copy.
 */
final class WeightBlock implements AutoCloseable {
  private static final float LARGEST_INT8 = 127;

  private final DType dtype;
  private final BytePointer rows;
  private final float[] scales;
  private final int[] sums;

  private WeightBlock(DType dtype, BytePointer rows, float[] scales, int[] sums) {
    this.dtype = dtype;
    this.rows = rows;
    this.scales = scales;
    this.sums = sums;
  }

  /**
   * The same rows as integers of 8 bits: w is the nearest multiple of its row's scale, the largest
   * magnitude of the row / 127. So no weight moves by more than 1/254 of its row's largest.
   */
  static WeightBlock int8(List<HostTensor> parts, int from, int count) {
    int cols = parts.get(0).cols();
    BytePointer memory = new BytePointer((long) count * cols);
    float[] scales = new float[count];
    int[] sums = new int[count];
    float[] row = new float[cols];
    byte[] rounded = new byte[cols];
    int part = 0;
    int next = from;
    for (int i = 0; i < count; i++, next++) {
      while (next >= parts.get(part).rows()) {
        next -= parts.get(part++).rows();
      }
      WeightRows.row(parts.get(part), next, row, 0);
      scales[i] = toInt8(row, rounded);
      for (byte each : rounded) {
        sums[i] += each;
      }
      memory.position((long) i * cols).put(rounded, 0, cols);
    }
    return new WeightBlock(DType.I8, memory.position(0), scales, sums);
  }

  /** Gives the scale; of a row of zeros it is 0. */
  private static float toInt8(float[] row, byte[] target) {
    float largest = 0;
    for (float weight : row) {
      largest = Math.max(largest, Math.abs(weight));
    }
    float perUnit = largest == 0 ? 0 : LARGEST_INT8 / largest;
    for (int k = 0; k < row.length; k++) {
      target[k] = (byte) Math.rint(row[k] * perUnit);
    }
    return largest / LARGEST_INT8;
  }

  /** Rows [from, from + count) of the parts as if they stood one below the other. */
  static WeightBlock of(List<HostTensor> parts, int from, int count) {
    int part = 0;
    int first = from;
    while (first >= parts.get(part).rows()) {
      first -= parts.get(part++).rows();
    }
    HostTensor source = parts.get(part);
    DType dtype = source.dtype();
    boolean alone = first + count <= source.rows();
    if (alone && dtype != DType.F16 && source.data().isDirect()) {
      int rowBytes = source.cols() * dtype.bytes();
      return new WeightBlock(
          dtype,
          new BytePointer(source.data().slice(first * rowBytes, count * rowBytes)),
          null,
          null);
    }
    return copy(parts, part, first, count);
  }

  private static WeightBlock copy(List<HostTensor> parts, int part, int first, int count) {
    int cols = parts.get(part).cols();
    boolean bf16 = parts.stream().allMatch(each -> each.dtype() == DType.BF16);
    DType dtype = bf16 ? DType.BF16 : DType.F32; // f32 holds all of them exactly
    BytePointer memory = new BytePointer((long) count * cols * dtype.bytes());
    ByteBuffer target = memory.asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    float[] row = new float[bf16 ? 0 : cols];
    int at = part;
    int next = first;
    for (int i = 0; i < count; i++, next++) {
      while (next == parts.get(at).rows()) {
        at++;
        next = 0;
      }
      if (bf16) {
        int rowBytes = cols * dtype.bytes();
        target.put(i * rowBytes, parts.get(at).data(), next * rowBytes, rowBytes);
      } else {
        WeightRows.row(parts.get(at), next, row, 0);
        target.asFloatBuffer().put(i * cols, row);
      }
    }
    return new WeightBlock(dtype, memory, null, null);
  }

  /** BF16, F32 or I8. */
  DType dtype() {
    return dtype;
  }

  /** A scale per row, of I8 alone. */
  float[] scales() {
    return scales;
  }

  /** The sum of each row's integers, of I8 alone. */
  int[] sums() {
    return sums;
  }

  /** Column {@code column} of the first row; keeps the mapping alive. */
  Pointer from(int column) {
    return rows.getPointer((long) column * dtype.bytes());
  }

  @Override
  public void close() {
    rows.close(); // frees a copy; a mapping goes with its buffer
  }
}
