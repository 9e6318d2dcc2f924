package dev.questspark.engine.ops;

import static dev.questspark.engine.ops.Tolerance.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.CpuBackend;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * {@code linear} over weights in 8 bits and rows in 16: the integers' product, and what the
 * rounding of either may cost.
 */
class Int8WeightsTest {
  private static final float LARGEST = 127;
  private static final float STEPS = 32_639;

  private final Random random = new Random(3);

  private static CpuBackend open(DType dtype, boolean batchInvariant) {
    return CpuBackend.open(new BackendOptions(2, dtype, DType.I8, batchInvariant));
  }

  /** Rows as whole steps of their own, of which the largest magnitude has {@code most}. */
  private record Fixed(long[][] steps, float[] size) {
    static Fixed of(float[][] rows, float most) {
      long[][] steps = new long[rows.length][rows[0].length];
      float[] size = new float[rows.length];
      for (int row = 0; row < rows.length; row++) {
        float largest = largest(rows[row]);
        size[row] = largest / most;
        for (int k = 0; k < rows[row].length && largest > 0; k++) {
          float perUnit = most / largest; // rounded as the engine does: it decides near ties
          steps[row][k] = (long) Math.rint(rows[row][k] * perUnit);
        }
      }
      return new Fixed(steps, size);
    }

    /** The rows times the weight's transpose, plus the bias; exact but for the last rounding. */
    float[][] times(Fixed weight, float[] bias) {
      float[][] product = new float[steps.length][bias.length];
      for (int row = 0; row < steps.length; row++) {
        for (int n = 0; n < bias.length; n++) {
          long sum = 0;
          for (int k = 0; k < steps[row].length; k++) {
            sum += steps[row][k] * weight.steps[n][k];
          }
          product[row][n] = (float) ((double) size[row] * weight.size[n] * sum + bias[n]);
        }
      }
      return product;
    }
  }

  private static float largest(float[] row) {
    float largest = 0;
    for (float each : row) {
      largest = Math.max(largest, Math.abs(each));
    }
    return largest;
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
    float[][] weight = GuardedTensor.random(random, features, in);
    Arrays.fill(weight[features / 2], 0); // a channel that no scale fits
    float[][] bias = GuardedTensor.random(random, 1, features);
    float[][] x = GuardedTensor.random(random, rows, in);
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
      Fixed kept = Fixed.of(weight, LARGEST);
      float[][] expected = Fixed.of(x, STEPS).times(kept, bias[0]);
      assertClose("out", actual, expected, Tolerance.elementwise());
      assertRowsKeepSixteenBits(actual, x, kept, bias[0]);
      if (batchInvariant) {
        for (int row = 0; row < rows; row += 13) {
          float[][] alone = PackedLinear.multiply(on, packed, new float[][] {x[row]});
          assertClose("row " + row + " alone", alone[0], actual[row], Tolerance.exact());
        }
      }
    }
  }

  /** No product is further from that of the exact row than half a step per weight. */
  private static void assertRowsKeepSixteenBits(
      float[][] actual, float[][] x, Fixed weight, float[] bias) {
    for (int row = 0; row < x.length; row++) {
      double halfStep = largest(x[row]) / STEPS / 2;
      for (int n = 0; n < bias.length; n++) {
        double exact = 0;
        double magnitudes = 0;
        for (int k = 0; k < x[row].length; k++) {
          exact += (double) x[row][k] * weight.steps[n][k];
          magnitudes += Math.abs(weight.steps[n][k]);
        }
        double expected = exact * weight.size[n] + bias[n];
        double rounding = Tolerance.elementwise() * Math.max(1, Math.abs(expected));
        assertThat((double) actual[row][n])
            .as("row %d, channel %d", row, n)
            .isCloseTo(expected, within(halfStep * magnitudes * weight.size[n] + rounding));
      }
    }
  }

  /** What float arithmetic would have said of rows that have no step. */
  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void aRowThatIsNotFiniteHasNoProduct(float value) {
    float[][] weight = GuardedTensor.random(random, 20, 50);
    float[][] x = GuardedTensor.random(random, 3, 50);
    x[1][47] = value;
    try (CpuBackend on = open(DType.F32, true);
        LinearWeight packed =
            on.pack(PackedLinear.cut(DType.F32, weight, new int[] {20}), List.of())) {
      float[][] y = PackedLinear.multiply(on, packed, x);
      for (int n = 0; n < 20; n++) {
        assertThat(y[1][n]).isNaN();
        assertThat(y[0][n]).isFinite();
        assertThat(y[2][n]).isFinite();
      }
    }
  }

  @Test
  void rowsOfAnySize() {
    float[][] weight = GuardedTensor.random(random, 20, 50);
    float[][] x = GuardedTensor.random(random, 6, 50);
    float[] sizes = {0, Float.MIN_VALUE, 0x1p-111f, 0x1p-100f, 0x1p20f, 0x1p100f};
    for (int row = 0; row < sizes.length; row++) {
      for (int k = 0; k < 50; k++) {
        x[row][k] = k == 0 ? sizes[row] : x[row][k] * sizes[row];
      }
    }
    Fixed kept = Fixed.of(weight, LARGEST);
    try (CpuBackend on = open(DType.F32, true);
        LinearWeight packed =
            on.pack(PackedLinear.cut(DType.F32, weight, new int[] {20}), List.of())) {
      float[][] y = PackedLinear.multiply(on, packed, x);
      for (int row = 0; row < sizes.length; row++) {
        for (int n = 0; n < 20; n++) {
          double exact = 0;
          for (int k = 0; k < 50; k++) {
            exact += (double) x[row][k] * kept.steps[n][k] * kept.size[n];
          }
          double off = sizes[row] < 0x1p-110f ? 50 * sizes[row] : sizes[row] * 50 / STEPS / 2;
          assertThat((double) y[row][n]).isCloseTo(exact, within(off * 1.001));
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
