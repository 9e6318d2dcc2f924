package dev.questspark.engine.checkpoint.quantised;

import dev.questspark.engine.checkpoint.quantised.QuantizedCheckpoint.LayerTensors;
import dev.questspark.engine.checkpoint.safetensors.StoredTensor;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * compressed-tensors' {@code pack-quantized}: signed integers of 4 or 8 bits, stored with the least
 * one as 0, in words of 32 bits along the columns, the first in the lowest bits. {@code
 * weight_packed} (rows, cols * bits / 32), {@code weight_scale} (rows, groups); {@code
 * weight_zero_point}, packed along the rows, and {@code weight_g_idx}, which group a column is of,
 * where there are any.
 */
final class PackedRows extends WidenedRows {
  private final StoredTensor packed;
  private final Scales scales;
  private final int[] zeros;
  private final int[] groups;
  private final int bits;
  private final int groupCount;

  private PackedRows(
      StoredTensor packed, StoredTensor scale, int[] zeros, int[] groups, int bits, int cols) {
    super(packed, cols);
    this.packed = packed;
    this.scales = new Scales(scale);
    this.zeros = zeros;
    this.groups = groups;
    this.bits = bits;
    this.groupCount = scale.dimension(1);
  }

  static PackedRows of(LayerTensors tensors, int rows, int cols) {
    StoredTensor packed = tensors.get(".weight_packed").of("I32");
    int words = packed.dimension(1);
    int bits = (int) Math.round(32.0 * words / cols);
    int perWord = 32 / Math.max(1, bits);
    if ((bits != 4 && bits != 8)
        || packed.dimension(0) != rows
        || words != (cols + perWord - 1) / perWord) {
      throw packed.wrong(
          "is [%d, %d]; a matrix of [%d, %d] in 4 or 8 bits is expected"
              .formatted(packed.dimension(0), words, rows, cols));
    }
    if (tensors.has(".weight_shape")) {
      StoredTensor stated = tensors.get(".weight_shape");
      if (!Arrays.equals(stated.integers(), new int[] {rows, cols})) {
        throw stated.wrong(
            "is "
                + Arrays.toString(stated.integers())
                + "; the model expects "
                + Arrays.toString(new int[] {rows, cols}));
      }
    }
    StoredTensor scale = tensors.get(".weight_scale");
    int groupCount = scale.dimension(1);
    if (scale.dimension(0) != rows || cols % groupCount != 0) {
      throw scale.wrong("has no scale per row and group of columns");
    }
    int[] zeros =
        tensors.has(".weight_zero_point")
            ? zeros(tensors.get(".weight_zero_point").of("I32"), rows, groupCount, bits)
            : null;
    int[] groups =
        tensors.has(".weight_g_idx") ? tensors.get(".weight_g_idx").of("I32").integers() : null;
    boolean ordered = groups != null && groups.length == cols && groups[0] >= 0;
    return new PackedRows(packed, scale, zeros, ordered ? groups : null, bits, cols);
  }

  private static int[] zeros(StoredTensor packed, int rows, int groupCount, int bits) {
    int perWord = 32 / bits;
    packed.shaped((rows + perWord - 1) / perWord, groupCount);
    int[] words = packed.integers();
    int[] zeros = new int[rows * groupCount];
    for (int i = 0; i < zeros.length; i++) {
      int row = i / groupCount;
      int word = words[row / perWord * groupCount + i % groupCount];
      zeros[i] = signed(word >>> row % perWord * bits, bits);
    }
    return zeros;
  }

  private static int signed(int word, int bits) {
    return (word & (1 << bits) - 1) - (1 << bits - 1);
  }

  @Override
  void widen(int row, float[] target) {
    int cols = cols();
    int perWord = 32 / bits;
    int words = packed.dimension(1);
    float[] scale = scales.get();
    ByteBuffer bytes = packed.region().bytes((long) row * words * 4, words * 4);
    int columnsPerGroup = cols / groupCount;
    for (int col = 0; col < cols; col++) {
      int number = signed(bytes.getInt(col / perWord * 4) >>> col % perWord * bits, bits);
      int group = groups == null ? col / columnsPerGroup : groups[col];
      int at = row * groupCount + group;
      target[col] = (number - (zeros == null ? 0 : zeros[at])) * scale[at];
    }
  }
}
