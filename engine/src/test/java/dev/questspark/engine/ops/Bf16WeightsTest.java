package dev.questspark.engine.ops;

import static dev.questspark.engine.ops.Tolerance.assertClose;
import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.CpuBackend;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * {@code linear} in float32 over a checkpoint in bfloat16: the weights stay in 16 bits, and nothing
 * is lost by it.
 */
class Bf16WeightsTest {
  private final Random random = new Random(5);

  private static CpuBackend open(boolean batchInvariant) {
    return CpuBackend.open(new BackendOptions(2, DType.F32, batchInvariant));
  }

  /**
   * One row and many (which are multiplied by a widened panel), K within one span of the product
   * and over several, features that fill no panel and straddle the parts of a fused weight.
   */
  @ParameterizedTest
  @CsvSource({
    "1, 33, 20 1, true",
    "70, 896, 500 300 30, true",
    "300, 896, 1024, true",
    "513, 40, 7, true",
    "600, 1030, 1100, true",
    "1, 4864, 600, true",
    "130, 513, 65, true",
    "3, 1030, 513, false",
    "300, 1030, 513, false"
  })
  void linear(int rows, int in, String partRows, boolean batchInvariant) {
    int[] parts = Arrays.stream(partRows.split(" ")).mapToInt(Integer::parseInt).toArray();
    int features = Arrays.stream(parts).sum();
    float[][] weight = HalfFloats.round(GuardedTensor.random(random, features, in), DType.BF16);
    float[][] bias = GuardedTensor.random(random, 1, features);
    float[][] x = GuardedTensor.random(random, rows, in);
    try (CpuBackend on = open(batchInvariant);
        LinearWeight packed =
            on.pack(
                PackedLinear.cut(DType.BF16, weight, parts), PackedLinear.cutBias(bias, parts))) {
      assertThat(packed.bytes())
          .as("two bytes per weight, rounded up to the layout's blocks; a bias per feature")
          .isBetween(2L * features * in + 4L * features, 128L * (in + 64) * (features / 64 + 4));
      assertThat(PackedLinear.rows(on, packed)).isDeepEqualTo(weight);

      float[][] actual = PackedLinear.multiply(on, packed, x);
      float[][] expected = new ReferenceTensorOps().linear(x, weight, bias[0], DType.F32);
      assertClose("out", actual, expected, Tolerance.dot(in));
      if (batchInvariant) {
        for (int row = 0; row < rows; row += 13) {
          float[][] alone = PackedLinear.multiply(on, packed, new float[][] {x[row]});
          assertClose("row " + row + " alone", alone[0], actual[row], Tolerance.exact());
        }
      }
    }
  }

  /** One part in float32 is enough: it must not be rounded. */
  @Test
  void mixedPartsStayInFloat32() {
    float[][] whole = GuardedTensor.random(random, 40, 64);
    float[][] half = HalfFloats.round(GuardedTensor.random(random, 24, 64), DType.BF16);
    try (CpuBackend on = open(true);
        LinearWeight packed =
            on.pack(
                List.of(
                    GuardedTensor.host("half", DType.BF16, half),
                    GuardedTensor.host("whole", DType.F32, whole)),
                List.of())) {
      float[][] read = PackedLinear.rows(on, packed);
      assertThat(Arrays.copyOfRange(read, 0, 24)).isDeepEqualTo(half);
      assertThat(Arrays.copyOfRange(read, 24, 64)).isDeepEqualTo(whole);
    }
  }
}
