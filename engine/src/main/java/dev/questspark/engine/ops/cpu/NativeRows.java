package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.Tensor;
import java.nio.FloatBuffer;
import java.util.HashMap;
import java.util.Map;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.reorder;

/**
 * The rows x (R, K) of one call, copied out of the Java heap in the type that products take. They
 * are rounded here, once, not by each of the panels that multiply them.
 */
final class NativeRows implements AutoCloseable {
  /** Rows that a worker copies at a time, a power of two. */
  private static final int COPIED = 64;

  private final OneDnn library;
  private final Workers workers;
  private final DType dtype;
  private final Map<Integer, Rounding[]> roundings = new HashMap<>(); // of each K, per worker
  private NativeMemory rows = new NativeMemory(0);
  private FloatBuffer floats = rows.floats();

  NativeRows(OneDnn library, Workers workers, DType dtype) {
    this.library = library;
    this.workers = workers;
    this.dtype = dtype;
  }

  /** One worker's way from rows of floats to rows of bf16, nearest, ties to even. */
  private final class Rounding {
    final int cols;
    final FloatBuffer wide;
    final memory[] from = new memory[Integer.numberOfTrailingZeros(COPIED) + 1];
    final memory[] to = new memory[from.length];
    final reorder[] round = new reorder[from.length];

    Rounding(int cols) {
      this.cols = cols;
      this.wide = OneDnn.floats((long) COPIED * cols);
      for (int power = 0; power < from.length; power++) {
        memory.desc narrow = OneDnn.rowMajor(OneDnn.type(dtype), 1 << power, cols);
        from[power] = library.memory(OneDnn.rowMajor(memory.data_type.f32, 1 << power, cols), wide);
        to[power] = library.elsewhere(narrow);
        round[power] = new reorder(from[power], to[power]);
      }
    }

    /** Rounds what stands in {@link #wide}, and up to as many rows more. */
    void round(int row, int count) {
      int power = Integer.SIZE - Integer.numberOfLeadingZeros(count - 1);
      to[power].set_data_handle(rows.from((long) row * cols * dtype.bytes()));
      round[power].execute(library.stream(), from[power], to[power]);
    }
  }

  /**
   * Copies the rows.
   *
   * @return memory of x, and of as many rows more as the tallest tile has
   */
  NativeMemory load(Tensor x) {
    int cols = x.cols();
    grow((long) (x.rows() + MatmulLadder.TALLEST) * cols * dtype.bytes());
    Rounding[] rounding = dtype == DType.F32 ? null : roundings(cols);
    workers.run(
        (x.rows() + COPIED - 1) / COPIED,
        (long) Math.min(COPIED, x.rows()) * cols,
        (task, worker) -> {
          int from = task * COPIED;
          int count = Math.min(COPIED, x.rows() - from);
          if (rounding == null) {
            copy(x, from, count, floats, from * cols);
          } else {
            copy(x, from, count, rounding[worker].wide, 0);
            rounding[worker].round(from, count);
          }
        });
    return rows;
  }

  private void grow(long bytes) {
    if (rows.size() < bytes) {
      rows.close();
      rows = new NativeMemory(bytes);
      floats = rows.floats();
    }
  }

  private Rounding[] roundings(int cols) {
    Rounding[] all = roundings.computeIfAbsent(cols, k -> new Rounding[workers.threads()]);
    for (int worker = 0; worker < all.length; worker++) {
      if (all[worker] == null) {
        all[worker] = new Rounding(cols);
      }
    }
    return all;
  }

  private static void copy(Tensor x, int from, int count, FloatBuffer target, int at) {
    float[] source = HeapBuffer.floats(x);
    int cols = x.cols();
    if (x.rowStride() == cols) {
      target.put(at, source, HeapBuffer.at(x, from), count * cols);
      return;
    }
    for (int row = 0; row < count; row++) {
      target.put(at + row * cols, source, HeapBuffer.at(x, from + row), cols);
    }
  }

  @Override
  public void close() {
    roundings.clear(); // native memory goes with the last reference
    rows.close();
  }
}
