package dev.questspark.engine.checkpoint.quantised;

import dev.questspark.engine.checkpoint.quantised.QuantizedCheckpoint.LayerTensors;
import dev.questspark.engine.checkpoint.safetensors.StoredTensor;

/**
 * AWQ (arXiv 2306.00978) in AutoAWQ's {@code gemm} layout: the transposed matrix, eight output
 * features to a word of 32 bits in an order of its own. {@code qweight} (cols, rows / 8), {@code
 * qzeros} (groups, rows / 8), {@code scales} (groups, rows).
 */
final class AwqRows extends WidenedRows {
  private static final int PER_WORD = 8;

  /** Which four bits of a word an output feature has, by its number in the word. */
  private static final int[] NIBBLE = {0, 4, 1, 5, 2, 6, 3, 7};

  private final StoredTensor weight;
  private final StoredTensor zeros;
  private final Scales scales;
  private final int rows;
  private final int columnsPerGroup;

  private AwqRows(StoredTensor weight, StoredTensor zeros, StoredTensor scale, int rows, int cols) {
    super(weight, cols);
    this.weight = weight;
    this.zeros = zeros;
    this.scales = new Scales(scale);
    this.rows = rows;
    this.columnsPerGroup = cols / scale.dimension(0);
  }

  static AwqRows of(LayerTensors tensors, int rows, int cols) {
    StoredTensor weight = tensors.get(".qweight").of("I32").shaped(cols, rows / PER_WORD);
    StoredTensor scale = tensors.get(".scales");
    int groups = scale.dimension(0);
    if (cols % groups != 0) {
      throw scale.wrong("has " + groups + " groups, which do not divide " + cols + " columns");
    }
    scale.shaped(groups, rows);
    StoredTensor zeros = tensors.get(".qzeros").of("I32").shaped(groups, rows / PER_WORD);
    return new AwqRows(weight, zeros, scale, rows, cols);
  }

  @Override
  void widen(int row, float[] target) {
    float[] scale = scales.get();
    int shift = 4 * NIBBLE[row % PER_WORD];
    long word = row / PER_WORD;
    long words = rows / PER_WORD;
    for (int col = 0; col < cols(); col++) {
      int group = col / columnsPerGroup;
      int number = weight.region().getInt(4 * (col * words + word)) >>> shift & 0xf;
      int zero = zeros.region().getInt(4 * (group * words + word)) >>> shift & 0xf;
      target[col] = (number - zero) * scale[group * rows + row];
    }
  }
}
