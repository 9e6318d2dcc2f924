package dev.questspark.engine.ops;

import dev.questspark.engine.ops.cpu.CpuBackend;
import java.util.Arrays;
import java.util.List;

/** Fused weights for tests of {@code linear}, and what a backend makes of them. */
final class PackedLinear {
  private PackedLinear() {}

  /** Cuts a weight (sum of the parts, K) into parts of so many rows. */
  static List<HostTensor> cut(DType dtype, float[][] weight, int[] parts) {
    HostTensor[] cut = new HostTensor[parts.length];
    int at = 0;
    for (int i = 0; i < parts.length; i++) {
      int to = at + parts[i];
      cut[i] = GuardedTensor.host("part " + i, dtype, Arrays.copyOfRange(weight, at, to));
      at = to;
    }
    return List.of(cut);
  }

  /** Cuts a bias (1, sum of the parts). */
  static List<HostTensor> cutBias(float[][] bias, int[] parts) {
    HostTensor[] cut = new HostTensor[parts.length];
    int at = 0;
    for (int i = 0; i < parts.length; i++) {
      int to = at + parts[i];
      cut[i] = GuardedTensor.host("bias " + i, new float[][] {Arrays.copyOfRange(bias[0], at, to)});
      at = to;
    }
    return List.of(cut);
  }

  /** Gives x times the weight's transpose. */
  static float[][] multiply(CpuBackend on, LinearWeight weight, float[][] x) {
    GuardedTensor out = GuardedTensor.blank(on, x.length, weight.outFeatures());
    on.ops().linear(out.view(), GuardedTensor.of(on, x).view(), weight);
    return out.read();
  }

  /** Reads a packed weight back as the table that {@code embed} sees. */
  static float[][] rows(CpuBackend on, LinearWeight weight) {
    Tensor table = on.rowsOf(weight).orElseThrow();
    int rows = table.rows();
    int[] tokens = new int[rows];
    Arrays.setAll(tokens, i -> i);
    RaggedBatch batch =
        new RaggedBatch(
            tokens, tokens, new int[] {0, rows}, new int[] {0, 1}, new int[1], new int[0]);
    Tensor out = on.allocate(rows, table.cols());
    on.ops().embed(out, table, on.load(batch));
    return GuardedTensor.matrix(on, out);
  }

  static float[][] copy(float[][] matrix) {
    return Arrays.stream(matrix).map(float[]::clone).toArray(float[][]::new);
  }
}
