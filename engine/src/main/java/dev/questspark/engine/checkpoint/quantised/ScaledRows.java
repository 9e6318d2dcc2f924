package dev.questspark.engine.checkpoint.quantised;

import dev.questspark.engine.checkpoint.files.JsonFields;
import dev.questspark.engine.checkpoint.quantised.QuantizedCheckpoint.LayerTensors;
import dev.questspark.engine.checkpoint.safetensors.StoredTensor;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * A matrix of 8-bit floats or integers, {@code weight} (rows, cols), under scales: one for the
 * matrix, one per row, one per group of a row's columns, or one per block. The scale is {@code
 * weight_scale}, or {@code weight_scale_inv} where it is DeepSeek's name for the same factor; an
 * integer's zero point is {@code weight_zero_point}, shaped as the scale.
 */
final class ScaledRows extends WidenedRows {
  private final StoredTensor numbers;
  private final Scales scales;
  private final int[] zeros;
  private final int scaleCols;
  private final int blockRows;
  private final int blockCols;

  private ScaledRows(
      StoredTensor numbers, StoredTensor scale, int[] zeros, int scaleCols, int[] block, int cols) {
    super(numbers, cols);
    this.numbers = numbers;
    this.scales = new Scales(scale);
    this.zeros = zeros;
    this.scaleCols = scaleCols;
    this.blockRows = block[0];
    this.blockCols = block[1];
  }

  static ScaledRows of(LayerTensors tensors, JsonFields settings, int rows, int cols) {
    StoredTensor numbers = tensors.get(".weight").of("F8_E4M3", "F8_E5M2", "I8").shaped(rows, cols);
    StoredTensor scale =
        tensors.has(".weight_scale_inv")
            ? tensors.get(".weight_scale_inv")
            : tensors.get(".weight_scale");
    int scaleRows = scale.dimension(0);
    int scaleCols = scale.dimension(1);
    int[] block = block(settings, rows, cols, scale);
    if (scaleRows != (rows + block[0] - 1) / block[0]
        || scaleCols != (cols + block[1] - 1) / block[1]) {
      throw scale.wrong(
          "is [%d, %d]; a matrix of [%d, %d] in blocks of [%d, %d] has other scales"
              .formatted(scaleRows, scaleCols, rows, cols, block[0], block[1]));
    }
    int[] zeros =
        tensors.has(".weight_zero_point")
            ? tensors.get(".weight_zero_point").of("I8").integers()
            : null;
    return new ScaledRows(numbers, scale, zeros, scaleCols, block, cols);
  }

  /** Rows and columns under one scale. */
  private static int[] block(JsonFields settings, int rows, int cols, StoredTensor scale) {
    if (scale.elements() == 1) {
      return new int[] {rows, cols};
    }
    List<Integer> stated = settings.integers("weight_block_size");
    if (stated.isEmpty() && scale.dimension(0) != rows) {
      stated = blockStructure(settings);
    }
    if (stated.size() == 2) {
      return new int[] {stated.get(0), stated.get(1)};
    }
    return new int[] {1, (cols + scale.dimension(1) - 1) / scale.dimension(1)};
  }

  /** compressed-tensors keeps it in a group of layers; all groups of published models agree. */
  private static List<Integer> blockStructure(JsonFields settings) {
    return settings
        .object("config_groups")
        .flatMap(
            groups ->
                groups.keys().stream()
                    .flatMap(key -> groups.object(key).stream())
                    .flatMap(group -> group.object("weights").stream())
                    .map(weights -> weights.integers("block_structure"))
                    .filter(structure -> !structure.isEmpty())
                    .findFirst())
        .orElse(List.of());
  }

  @Override
  void widen(int row, float[] target) {
    int cols = cols();
    float[] scale = scales.get();
    int firstScale = row / blockRows * scaleCols;
    ByteBuffer bytes = numbers.region().bytes((long) row * cols, cols);
    float[] table = numbers.dtype().equals("I8") ? null : SmallFloats.table(numbers.dtype());
    for (int col = 0; col < cols; col++) {
      int at = firstScale + col / blockCols;
      float value =
          table != null
              ? table[bytes.get(col) & 0xff]
              : bytes.get(col) - (zeros == null ? 0 : zeros[at]);
      target[col] = value * scale[at];
    }
  }
}
