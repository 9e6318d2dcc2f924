package dev.questspark.engine.ops;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.ops.backend.Backend;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;

/**
 * A matrix on a backend, standing inside a larger one filled with canaries: one row above and
 * below, three columns left and right. Ops see the view; the frame must never change.
 */
final class GuardedTensor {
  private static final float CANARY = -12345.678f;
  private static final int ROWS = 1;
  private static final int COLS = 3;

  private final Backend backend;
  private final Tensor whole;
  private final int rows;
  private final int cols;

  private GuardedTensor(Backend backend, Tensor whole, int rows, int cols) {
    this.backend = backend;
    this.whole = whole;
    this.rows = rows;
    this.cols = cols;
  }

  static GuardedTensor of(Backend backend, float[][] content) {
    int rows = content.length;
    int cols = content[0].length;
    float[][] framed = new float[rows + 2 * ROWS][cols + 2 * COLS];
    for (float[] row : framed) {
      java.util.Arrays.fill(row, CANARY);
    }
    for (int r = 0; r < rows; r++) {
      System.arraycopy(content[r], 0, framed[r + ROWS], COLS, cols);
    }
    return new GuardedTensor(backend, backend.upload(host("framed", framed)), rows, cols);
  }

  /** An output: its content is a canary too, so that entries that an op forgets are seen. */
  static GuardedTensor blank(Backend backend, int rows, int cols) {
    float[][] content = new float[rows][cols];
    for (float[] row : content) {
      java.util.Arrays.fill(row, CANARY);
    }
    return of(backend, content);
  }

  Tensor view() {
    return whole.rows(ROWS, ROWS + rows).cols(COLS, COLS + cols);
  }

  /** The content, after checking the frame. */
  float[][] read() {
    float[][] all = matrix(backend, whole);
    float[][] content = new float[rows][cols];
    for (int r = 0; r < all.length; r++) {
      for (int c = 0; c < all[r].length; c++) {
        boolean inside = r >= ROWS && r < ROWS + rows && c >= COLS && c < COLS + cols;
        if (inside) {
          content[r - ROWS][c - COLS] = all[r][c];
        } else if (all[r][c] != CANARY) {
          assertThat(all[r][c]).as("canary at (%d, %d) of the frame", r, c).isEqualTo(CANARY);
        }
      }
    }
    return content;
  }

  /** Whether a row still holds nothing but canaries. */
  static boolean untouched(float[] row) {
    for (float value : row) {
      if (value != CANARY) {
        return false;
      }
    }
    return true;
  }

  static float[][] matrix(Backend backend, Tensor tensor) {
    float[][] rows = new float[tensor.rows()][tensor.cols()];
    for (int r = 0; r < rows.length; r++) {
      backend.read(tensor, r, rows[r]);
    }
    return rows;
  }

  static float[][] random(Random random, int rows, int cols) {
    float[][] matrix = new float[rows][cols];
    for (float[] row : matrix) {
      for (int c = 0; c < cols; c++) {
        row[c] = 2 * random.nextFloat() - 1;
      }
    }
    return matrix;
  }

  static HostTensor host(String name, float[][] content) {
    return host(name, DType.F32, content);
  }

  /** A checkpoint tensor; values are rounded to the dtype. F16 is not needed here. */
  static HostTensor host(String name, DType dtype, float[][] content) {
    int cols = content[0].length;
    ByteBuffer bytes =
        ByteBuffer.allocate(content.length * cols * dtype.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    for (float[] row : content) {
      for (float value : row) {
        if (dtype == DType.BF16) {
          bytes.putShort(DType.floatToBf16(value));
        } else {
          bytes.putFloat(value);
        }
      }
    }
    return new HostTensor(name, dtype, content.length, cols, bytes.flip());
  }
}
