package dev.questspark.engine.ops.cpu.gemm;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.LinearWeight;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.simd.ScalarMath;
import java.util.List;
import java.util.Optional;

/**
 * {@code linear} in plain Java, for machines that oneDNN has no library for. The weight is kept
 * transposed (K, N), so that the inner loop runs over output columns and vectorises; each output
 * sums over k from 0 on, regardless of the other rows.
 */
public final class JavaGemm implements Gemm {
  /** Rows that share one pass over a block of weights. */
  private static final int TILE_ROWS = 16;

  /** Columns of a block; 256 columns of four rows of weights and 16 rows of output fit 32 KiB. */
  private static final int TILE_COLS = 256;

  private final Workers workers;
  private final DType dtype;
  private final float[][] rounded;

  public JavaGemm(Workers workers, DType dtype) {
    this.workers = workers;
    this.dtype = dtype;
    this.rounded = new float[workers.threads()][0];
  }

  /** (K, N) floats, already rounded to the arithmetic's dtype, and N biases. */
  private record Transposed(float[] weight, float[] bias, int outFeatures, int inFeatures)
      implements LinearWeight {
    @Override
    public long bytes() {
      return (long) Float.BYTES * (weight.length + bias.length);
    }

    @Override
    public void close() {
      // The arrays go with their last reference.
    }
  }

  @Override
  public String describe() {
    return "plain Java " + dtype;
  }

  @Override
  public LinearWeight pack(List<HostTensor> weights, List<HostTensor> biases) {
    int n = OpArguments.outFeatures(weights);
    int k = weights.get(0).cols();
    float[] transposed = new float[Math.multiplyExact(n, k)];
    float[] row = new float[k];
    int column = 0;
    for (HostTensor part : weights) {
      for (int r = 0; r < part.rows(); r++, column++) {
        WeightRows.row(part, r, row, 0);
        for (int i = 0; i < k; i++) {
          transposed[i * n + column] = round(row[i]);
        }
      }
    }
    return new Transposed(transposed, WeightRows.bias(weights, biases), n, k);
  }

  private float round(float value) {
    return dtype == DType.BF16 ? DType.bf16ToFloat(DType.floatToBf16(value)) : value;
  }

  @Override
  public Optional<Tensor> rowsOf(LinearWeight weight) {
    return Optional.empty();
  }

  @Override
  public void linear(Tensor out, Tensor x, LinearWeight weight) {
    Transposed packed = (Transposed) weight;
    int n = packed.outFeatures;
    int k = packed.inFeatures;
    int colTiles = (n + TILE_COLS - 1) / TILE_COLS;
    int rowTiles = (x.rows() + TILE_ROWS - 1) / TILE_ROWS;
    workers.run(
        rowTiles * colTiles,
        (long) Math.min(TILE_ROWS, x.rows()) * Math.min(TILE_COLS, n) * k,
        (task, worker) -> {
          int fromRow = task / colTiles * TILE_ROWS;
          int toRow = Math.min(x.rows(), fromRow + TILE_ROWS);
          int fromCol = task % colTiles * TILE_COLS;
          int toCol = Math.min(n, fromCol + TILE_COLS);
          tile(out, load(x, fromRow, toRow, worker), packed, fromRow, toRow, fromCol, toCol);
        });
  }

  /** The tile's rows of x, rounded and back to back. */
  private float[] load(Tensor x, int fromRow, int toRow, int worker) {
    int k = x.cols();
    if (rounded[worker].length < TILE_ROWS * k) {
      rounded[worker] = new float[TILE_ROWS * k];
    }
    float[] source = HeapBuffer.floats(x);
    float[] target = rounded[worker];
    for (int row = fromRow; row < toRow; row++) {
      int from = HeapBuffer.at(x, row);
      int to = (row - fromRow) * k;
      for (int i = 0; i < k; i++) {
        target[to + i] = round(source[from + i]);
      }
    }
    return target;
  }

  private static void tile(
      Tensor out, float[] x, Transposed w, int fromRow, int toRow, int fromCol, int toCol) {
    float[] outs = HeapBuffer.floats(out);
    int n = w.outFeatures;
    int k = w.inFeatures;
    int cols = toCol - fromCol;
    for (int row = fromRow; row < toRow; row++) {
      System.arraycopy(w.bias, fromCol, outs, HeapBuffer.at(out, row) + fromCol, cols);
    }
    int i = 0;
    for (; i <= k - 4; i += 4) {
      for (int row = fromRow; row < toRow; row++) {
        int target = HeapBuffer.at(out, row) + fromCol;
        int factor = (row - fromRow) * k + i;
        ScalarMath.axpy4(outs, target, x, factor, w.weight, i * n + fromCol, n, cols);
      }
    }
    for (; i < k; i++) {
      for (int row = fromRow; row < toRow; row++) {
        int target = HeapBuffer.at(out, row) + fromCol;
        float factor = x[(row - fromRow) * k + i];
        ScalarMath.axpy(outs, target, factor, w.weight, i * n + fromCol, cols);
      }
    }
  }

  @Override
  public void close() {
    // Nothing outside the heap.
  }
}
