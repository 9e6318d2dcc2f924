package dev.questspark.engine.checkpoint.quantised;

import dev.questspark.engine.checkpoint.files.JsonFields;
import dev.questspark.engine.checkpoint.quantised.QuantizedCheckpoint.LayerTensors;
import dev.questspark.engine.checkpoint.safetensors.StoredTensor;

/**
 * GPTQ (arXiv 2210.17323) in AutoGPTQ's layout: the transposed matrix, neighbouring input features
 * in a word of 32 bits, the first in the lowest bits. {@code qweight} (cols * bits / 32, rows),
 * {@code qzeros} (groups, rows * bits / 32), one less than they are but in {@code gptq_v2}, {@code
 * scales} (groups, rows), and {@code g_idx} (cols), which group a column is of.
 */
final class GptqRows extends WidenedRows {
  private final StoredTensor weight;
  private final StoredTensor zeros;
  private final Scales scales;
  private final int[] groups;
  private final int rows;
  private final int bits;
  private final int zeroOffset;

  private GptqRows(
      StoredTensor weight,
      StoredTensor zeros,
      StoredTensor scale,
      int[] groups,
      int rows,
      int bits,
      int zeroOffset) {
    super(weight, groups.length);
    this.weight = weight;
    this.zeros = zeros;
    this.scales = new Scales(scale);
    this.groups = groups;
    this.rows = rows;
    this.bits = bits;
    this.zeroOffset = zeroOffset;
  }

  static GptqRows of(LayerTensors tensors, JsonFields settings, int rows, int cols) {
    int bits = settings.countOr("bits", 4);
    int perWord = 32 / bits;
    StoredTensor weight = tensors.get(".qweight").of("I32").shaped(cols / perWord, rows);
    StoredTensor scale = tensors.get(".scales");
    int groupCount = scale.dimension(0);
    scale.shaped(groupCount, rows);
    StoredTensor zeros = tensors.get(".qzeros").of("I32").shaped(groupCount, rows / perWord);
    boolean second = settings.string("checkpoint_format").orElse("gptq").equals("gptq_v2");
    return new GptqRows(
        weight, zeros, scale, groups(tensors, groupCount, cols), rows, bits, second ? 0 : 1);
  }

  private static int[] groups(LayerTensors tensors, int groupCount, int cols) {
    int[] groups = new int[cols];
    if (tensors.has(".g_idx")) {
      StoredTensor stored = tensors.get(".g_idx").of("I32").shaped(cols);
      groups = stored.integers();
      for (int group : groups) {
        if (group < 0 || group >= groupCount) {
          throw stored.wrong("names group " + group + " of " + groupCount);
        }
      }
      return groups;
    }
    for (int col = 0; col < cols; col++) {
      groups[col] = col / ((cols + groupCount - 1) / groupCount);
    }
    return groups;
  }

  @Override
  void widen(int row, float[] target) {
    int perWord = 32 / bits;
    int mask = (1 << bits) - 1;
    float[] scale = scales.get();
    long zeroWords = rows / perWord;
    int zeroShift = row % perWord * bits;
    for (int col = 0; col < cols(); col++) {
      int group = groups[col];
      long word = (long) (col / perWord) * rows + row;
      int number = weight.region().getInt(4 * word) >>> col % perWord * bits & mask;
      long zeroWord = group * zeroWords + row / perWord;
      int zero = (zeros.region().getInt(4 * zeroWord) >>> zeroShift & mask) + zeroOffset;
      target[col] = (number - zero) * scale[group * rows + row];
    }
  }
}
