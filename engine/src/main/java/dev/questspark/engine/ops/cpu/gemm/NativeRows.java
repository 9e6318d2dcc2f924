package dev.questspark.engine.ops.cpu.gemm;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.NativeMemory;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.simd.FixedPoint16;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.ShortBuffer;

/**
 * The rows x (R, K) of one call, copied out of the Java heap in the type that products take: float,
 * bf16, or the two {@link FixedPoint16} of each row, one after the other. They are rounded here,
 * once, not by each of the panels that multiply them.
 */
final class NativeRows implements AutoCloseable {
  /** Rows that a worker copies at a time. */
  private static final int COPIED = 64;

  private final Workers workers;
  private final SimdOps[] simd;
  private final DType dtype;
  private final short[][] rounded; // a row, per worker
  private final byte[][] digits; // the same
  private float[] steps = new float[0]; // of each row of digits
  private final float[][] single =
      new float[SingleRowMatmul.MOST_ROWS][0]; // the first rows, as rounded
  private NativeMemory rows = new NativeMemory(0);
  private ByteBuffer octets = rows.bytes();
  private FloatBuffer floats = rows.floats();
  private ShortBuffer bits = rows.bytes().asShortBuffer();

  NativeRows(Workers workers, SimdOps[] simd, DType dtype) {
    this.workers = workers;
    this.simd = simd;
    this.dtype = dtype;
    this.rounded = new short[workers.threads()][0];
    this.digits = new byte[workers.threads()][0];
  }

  /**
   * Copies the rows.
   *
   * @return memory of x, and of as many rows more as the tallest tile has
   */
  NativeMemory load(Tensor x) {
    int cols = x.cols();
    int parts = dtype == DType.I8 ? FixedPoint16.COUNT : 1;
    grow((long) (x.rows() + TiledMatmul.TALLEST) * parts * cols * dtype.bytes());
    if (dtype == DType.I8 && steps.length < x.rows()) {
      steps = new float[x.rows()];
    }
    workers.run(
        (x.rows() + COPIED - 1) / COPIED,
        (long) Math.min(COPIED, x.rows()) * cols,
        (task, worker) -> {
          int from = task * COPIED;
          int count = Math.min(COPIED, x.rows() - from);
          switch (dtype) {
            case F32 -> copy(x, from, count);
            case I8 -> split(x, from, count, worker);
            default -> round(x, from, count, worker);
          }
        });
    return rows;
  }

  private void grow(long bytes) {
    if (rows.size() < bytes) {
      rows.close();
      rows = new NativeMemory(bytes);
      octets = rows.bytes();
      floats = rows.floats();
      bits = rows.bytes().asShortBuffer();
    }
  }

  private void copy(Tensor x, int from, int count) {
    float[] source = HeapBuffer.floats(x);
    int cols = x.cols();
    if (x.rowStride() == cols) {
      floats.put(from * cols, source, HeapBuffer.at(x, from), count * cols);
      return;
    }
    for (int row = from; row < from + count; row++) {
      floats.put(row * cols, source, HeapBuffer.at(x, row), cols);
    }
  }

  private void round(Tensor x, int from, int count, int worker) {
    float[] source = HeapBuffer.floats(x);
    int cols = x.cols();
    if (rounded[worker].length < cols) {
      rounded[worker] = new short[cols];
    }
    for (int row = from; row < from + count; row++) {
      simd[worker].round(source, HeapBuffer.at(x, row), rounded[worker], 0, cols);
      bits.put(row * cols, rounded[worker], 0, cols);
      if (x.rows() <= SingleRowMatmul.MOST_ROWS) {
        if (single[row].length < cols) {
          single[row] = new float[cols];
        }
        simd[worker].widen(rounded[worker], 0, single[row], 0, cols);
      }
    }
  }

  private void split(Tensor x, int from, int count, int worker) {
    float[] source = HeapBuffer.floats(x);
    int cols = x.cols();
    if (digits[worker].length < FixedPoint16.COUNT * cols) {
      digits[worker] = new byte[FixedPoint16.COUNT * cols];
    }
    for (int row = from; row < from + count; row++) {
      int at = HeapBuffer.at(x, row);
      float largest = simd[worker].largestMagnitude(source, at, cols);
      simd[worker].split(source, at, cols, FixedPoint16.perUnit(largest), digits[worker]);
      octets.put(FixedPoint16.COUNT * row * cols, digits[worker], 0, FixedPoint16.COUNT * cols);
      steps[row] = FixedPoint16.step(largest);
    }
  }

  /** A row as it was rounded to bf16, of a call of up to {@link SingleRowMatmul#MOST_ROWS}. */
  float[] single(int row) {
    return single[row];
  }

  /** What a step of each row of digits is. */
  float[] steps() {
    return steps;
  }

  @Override
  public void close() {
    rows.close();
  }
}
