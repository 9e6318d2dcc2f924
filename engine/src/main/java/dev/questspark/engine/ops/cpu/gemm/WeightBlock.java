package dev.questspark.engine.ops.cpu.gemm;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Optional;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;

/**
 * Consecutive rows of fused weights (rows, K), back to back outside the Java heap, for oneDNN to
 * pack: the mapped checkpoint itself where one part holds them all in a type that oneDNN packs
 * from, else a copy.
 */
final class WeightBlock implements AutoCloseable {
  private static final float LARGEST_INT8 = 127;

  /** Rows read at once on the way to integers: some formats keep several rows in one word. */
  private static final int INT8_ROWS = 32;

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
    while (next >= parts.get(part).rows()) {
      next -= parts.get(part++).rows();
    }
    for (int i = 0; i < count; part++, next = 0) {
      HostTensor source = parts.get(part);
      int last = Math.min(source.rows(), next + count - i);
      while (next < last) {
        int some = Math.min(INT8_ROWS, last - next);
        ByteBuffer bytes = source.bytes(next, some);
        int rowBytes = bytes.limit() / some;
        for (int r = 0; r < some; r++, i++) {
          ByteBuffer one = bytes.slice(r * rowBytes, rowBytes).order(ByteOrder.LITTLE_ENDIAN);
          WeightRows.rows(source, one, row, 0);
          scales[i] = toInt8(row, rounded);
          for (byte each : rounded) {
            sums[i] += each;
          }
          memory.position((long) i * cols).put(rounded, 0, cols);
        }
        next += some;
      }
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
    Optional<ByteBuffer> mapped =
        alone && dtype != DType.F16
            ? source.view(first, count).filter(ByteBuffer::isDirect)
            : Optional.empty();
    return mapped.isPresent()
        ? new WeightBlock(dtype, new BytePointer(mapped.get()), null, null)
        : copy(parts, part, first, count);
  }

  private static WeightBlock copy(List<HostTensor> parts, int part, int first, int count) {
    int cols = parts.get(part).cols();
    boolean bf16 = parts.stream().allMatch(each -> each.dtype() == DType.BF16);
    DType dtype = bf16 ? DType.BF16 : DType.F32; // f32 holds all of them exactly
    BytePointer memory = new BytePointer((long) count * cols * dtype.bytes());
    ByteBuffer target = memory.asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    int at = part;
    int next = first;
    for (int left = count; left > 0; at++, next = 0) {
      HostTensor source = parts.get(at);
      int rows = Math.min(left, source.rows() - next);
      if (source.dtype() == dtype) {
        source.read(next, rows, target);
      } else {
        widen(source, next, rows, target);
      }
      left -= rows;
    }
    return new WeightBlock(dtype, memory, null, null);
  }

  private static void widen(HostTensor source, int first, int count, ByteBuffer target) {
    float[] row = new float[source.cols()];
    for (int i = first; i < first + count; i++) {
      WeightRows.row(source, i, row, 0);
      target.asFloatBuffer().put(row);
      target.position(target.position() + row.length * Float.BYTES);
    }
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
