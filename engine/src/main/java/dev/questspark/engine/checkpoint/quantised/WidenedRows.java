package dev.questspark.engine.checkpoint.quantised;

import dev.questspark.engine.checkpoint.safetensors.StoredTensor;
import dev.questspark.engine.ops.HostTensor;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.function.Supplier;

/** Rows of a matrix that are computed in float from small numbers and their scales. */
abstract class WidenedRows implements HostTensor.Rows {
  private final StoredTensor numbers;
  private final int cols;

  WidenedRows(StoredTensor numbers, int cols) {
    this.numbers = numbers;
    this.cols = cols;
  }

  final int cols() {
    return cols;
  }

  /** Writes one row; any number of threads may call at once. */
  abstract void widen(int row, float[] target);

  /** Computed once, when the first row is asked for: headers are checked without. */
  static final class Scales {
    private final Supplier<float[]> source;
    private float[] floats;

    Scales(StoredTensor stored) {
      this(stored::floats);
    }

    Scales(Supplier<float[]> source) {
      this.source = source;
    }

    synchronized float[] get() {
      if (floats == null) {
        floats = source.get();
      }
      return floats;
    }
  }

  @Override
  public Optional<ByteBuffer> view(int from, int count) {
    return Optional.empty();
  }

  @Override
  public void read(int from, int count, ByteBuffer target) {
    float[] row = new float[cols];
    for (int i = from; i < from + count; i++) {
      widen(i, row);
      target.asFloatBuffer().put(row);
      target.position(target.position() + cols * Float.BYTES);
    }
  }

  @Override
  public void giveBack() {
    numbers.region().giveBack();
  }
}
