package dev.questspark.engine.ops;

import static dev.questspark.engine.ops.Tolerance.assertClose;
import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.ops.cpu.CpuBackend;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code linear} over weights in 8 bits: the integers' product, and what the rounding may cost. */
class Int8WeightsTest {
  private static final float LARGEST = 127;

  private final Random random = new Random(3);

  private static CpuBackend open(DType dtype, boolean batchInvariant) {
    return CpuBackend.open(new BackendOptions(2, dtype, DType.I8, batchInvariant));
  }

  /** The weights as they are meant to be kept, in floats. */
  private static float[][] kept(float[][] weight) {
    float[][] kept = new float[weight.length][weight[0].length];
    for (int n = 0; n < weight.length; n++) {
      float largest = 0;
      for (float w : weight[n]) {
        largest = Math.max(largest, Math.abs(w));
      }
      for (int k = 0; k < weight[n].length; k++) {
        kept[n][k] =
            largest == 0
                ? 0
                : (float)
                    (Math.rint((double) weight[n][k] * LARGEST / largest) * largest / LARGEST);
      }
    }
    return kept;
  }

  /**
   * Rows that fill no tile, features that fill no panel and straddle the parts of a fused weight.
   */
  @ParameterizedTest
  @CsvSource({
    "F32, 1, 33, 20 1, true",
    "F32, 70, 896, 500 300 30, true",
    "F32, 3, 1030, 513, false",
    "BF16, 1, 896, 512 100, true",
    "BF16, 130, 40, 7, true",
    "BF16, 17, 1030, 600, false"
  })
  void linear(DType dtype, int rows, int in, String partRows, boolean batchInvariant) {
    int[] parts = Arrays.stream(partRows.split(" ")).mapToInt(Integer::parseInt).toArray();
    int features = Arrays.stream(parts).sum();
    float[][] weight = Framed.random(random, features, in);
    Arrays.fill(weight[features / 2], 0); // a channel that no scale fits
    float[][] bias = Framed.random(random, 1, features);
    float[][] x = Framed.random(random, rows, in);
    try (CpuBackend on = open(dtype, batchInvariant);
        LinearWeight packed =
            on.pack(
                PackedLinear.cut(DType.F32, weight, parts), PackedLinear.cutBias(bias, parts))) {
      assertThat(packed.bytes())
          .as(
              "a byte per weight, rounded up to the layout's blocks; a scale and a bias per channel")
          .isBetween((long) features * in + 8L * features, 64L * (in + 64) * (features / 64 + 4));
      assertRowsStayClose(PackedLinear.rows(on, packed), weight);

      float[][] actual = PackedLinear.multiply(on, packed, x);
      float[][] exactX = dtype == DType.BF16 ? HalfFloats.round(PackedLinear.copy(x), dtype) : x;
      float[][] expected =
          new ReferenceTensorOps().linear(exactX, kept(weight), bias[0], DType.F32);
      assertClose("out", actual, expected, Tolerance.dot(in));
      if (batchInvariant) {
        for (int row = 0; row < rows; row += 13) {
          float[][] alone = PackedLinear.multiply(on, packed, new float[][] {x[row]});
          assertClose("row " + row + " alone", alone[0], actual[row], Tolerance.exact());
        }
      }
    }
  }

  /** No weight moves by more than half a step of its channel's scale. */
  private static void assertRowsStayClose(float[][] read, float[][] weight) {
    for (int n = 0; n < weight.length; n++) {
      float largest = 0;
      for (float w : weight[n]) {
        largest = Math.max(largest, Math.abs(w));
      }
      for (int k = 0; k < weight[n].length; k++) {
        assertThat(Math.abs((double) read[n][k] - weight[n][k]))
            .as("channel %d, weight %d", n, k)
            .isLessThanOrEqualTo(largest / 254.0 * (1 + 1e-5));
      }
    }
  }
}
