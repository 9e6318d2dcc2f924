package dev.questspark.engine.ops;

import static dev.questspark.engine.ops.HalfFloats.unitRoundoff;
import static dev.questspark.engine.ops.Tolerance.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Offset.offset;

import dev.questspark.engine.ops.CacheScenario.Span;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.cuda.CudaBackend;
import dev.questspark.engine.ops.cuda.CudaOptions;
import dev.questspark.engine.ops.cuda.RequiresCuda;
import dev.questspark.engine.ops.cuda.TestDriver;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The CUDA ops in 16 bits, their tensor-core paths included, against double precision. */
@RequiresCuda
class CudaHalfPrecisionTest extends HalfPrecisionContract {

  static List<Case> cases() {
    DType[][] dtypes = {
      {DType.F32, DType.BF16},
      {DType.F32, DType.F16},
      {DType.BF16, DType.BF16},
      {DType.BF16, DType.F16}
    };
    List<Case> cases = new ArrayList<>();
    for (DType[] d : dtypes) {
      for (int[] shape : SHAPES) {
        cases.add(Case.of(d[0], d[1], true, shape));
      }
    }
    return cases;
  }

  @Override
  Backend open(Case c) {
    return TestDriver.open(new CudaOptions(0, c.act(), c.kv(), true, 2048, 4096));
  }

  @Override
  Tensor upload(Backend on, HostTensor rounded, DType dtype) {
    return TestDriver.upload((CudaBackend) on, rounded, dtype);
  }

  /**
   * Every tile shape, with sizes that fill no tile, and both ways of float results. Inner widths of
   * whole 16 bytes are the warpgroups'; some go past their pipelines' first round.
   */
  @ParameterizedTest
  @CsvSource({
    "1,8,33,true",
    "16,130,31,false",
    "17,64,257,true",
    "64,40,128,false",
    "1030,72,40,true",
    "17,66,257,true",
    "1030,70,40,false",
    "3,1304,70,false",
    "33,840,70,true",
    "1200,264,264,true"
  })
  void linear(int rows, int in, int features, boolean biased) {
    try (CudaBackend on = TestDriver.open(new CudaOptions(0, DType.BF16, DType.BF16, true, 8, 8))) {
      float[][] x = rounded(DType.BF16, rows, in);
      float[][] weight = rounded(DType.BF16, features, in);
      float[][] bias = biased ? GuardedTensor.random(random, 1, features) : new float[1][features];
      float[][] expected = reference.linear(x, weight, bias[0], DType.F32);
      List<HostTensor> biases = biased ? List.of(GuardedTensor.host("bias", bias)) : List.of();
      Tensor input = upload(on, DType.BF16, x);
      try (LinearWeight packed = on.pack(List.of(GuardedTensor.host("weight", weight)), biases)) {
        for (DType result : List.of(DType.F32, DType.BF16)) {
          Tensor out = on.allocate(result, rows, features);
          on.ops().linear(out, input, packed);
          double tolerance =
              Tolerance.dot(in) + (result == DType.BF16 ? unitRoundoff(DType.BF16) : 0);
          assertClose("out in " + result, GuardedTensor.matrix(on, out), expected, tolerance);
        }
      }
    }
  }

  @Test
  void opsWithoutACache() {
    int rows = 5;
    int channels = 72;
    double once = unitRoundoff(DType.BF16) + Tolerance.elementwise();
    try (CudaBackend on =
        TestDriver.open(new CudaOptions(0, DType.BF16, DType.BF16, true, 64, 64))) {
      KvGeometry geometry = new KvGeometry(1, 1, 8, 16, DType.F32);
      RaggedBatch batch =
          CacheScenario.of(random, geometry, 0, 1, List.of(new Span(0, rows))).batch();
      float[][] x = rounded(DType.BF16, rows, 2 * channels);
      Tensor input = upload(on, DType.BF16, x);
      Tensor out = on.allocate(DType.BF16, rows, 2 * channels);

      float[][] gain = GuardedTensor.random(random, 1, channels);
      on.ops().rmsNorm(out, input, upload(on, DType.F32, gain), 1e-5f);
      assertClose(
          "rmsNorm",
          GuardedTensor.matrix(on, out),
          reference.rmsNorm(x, gain[0], 1e-5f),
          unitRoundoff(DType.BF16) + Tolerance.average(channels));

      Tensor half = on.allocate(DType.BF16, rows, channels);
      on.ops().siluMul(half, input);
      assertClose("siluMul", GuardedTensor.matrix(on, half), reference.siluMul(x), once);

      float[][] y = rounded(DType.BF16, rows, 2 * channels);
      Tensor sum = upload(on, DType.BF16, y);
      Tensor normed = on.allocate(DType.BF16, rows, 2 * channels);
      float[][] gains = GuardedTensor.random(random, 1, 2 * channels);
      on.ops().addRmsNorm(normed, sum, input, upload(on, DType.F32, gains), 1e-5f);
      assertClose("sum", GuardedTensor.matrix(on, sum), reference.add(y, x), once);
      assertClose(
          "addRmsNorm",
          GuardedTensor.matrix(on, normed),
          reference.rmsNorm(GuardedTensor.matrix(on, sum), gains[0], 1e-5f), // of x as it is stored
          unitRoundoff(DType.BF16) + Tolerance.average(2 * channels));

      Tensor picked = on.allocate(DType.BF16, batch.logitRows().length, 2 * channels);
      on.ops().gatherRows(picked, input, on.load(batch));
      assertClose(
          "gatherRows", GuardedTensor.matrix(on, picked), reference.gatherRows(x, batch), 0);

      float[][] table = GuardedTensor.random(random, 50, 2 * channels);
      on.ops().embed(out, upload(on, DType.F32, table), on.load(batch));
      float[][] embedded = HalfFloats.round(reference.embed(table, batch), DType.BF16);
      assertClose("embed", GuardedTensor.matrix(on, out), embedded, 0);
    }
  }

  @Test
  void mergedStatesAreOneState() {
    float[][] out = rounded(DType.BF16, 3, 128);
    float[][] other = rounded(DType.BF16, 3, 128);
    float[][] sums = {{0, 1}, {Float.NEGATIVE_INFINITY, 2}, {3, Float.NEGATIVE_INFINITY}};
    float[][] otherSums = {{0.5f, -1}, {1, 2}, {-2, 0}};
    try (CudaBackend on = TestDriver.open(new CudaOptions(0, DType.BF16, DType.BF16, true, 8, 8))) {
      Tensor merged = upload(on, DType.BF16, out);
      on.ops()
          .mergeAttention(
              merged,
              upload(on, DType.F32, sums),
              upload(on, DType.BF16, other),
              upload(on, DType.F32, otherSums));
      float[][] actual = GuardedTensor.matrix(on, merged);
      for (int r = 0; r < 3; r++) {
        for (int i = 0; i < 128; i++) {
          double a = Math.exp(sums[r][i / 64]);
          double b = Math.exp(otherSums[r][i / 64]);
          double expected = (a * out[r][i] + b * other[r][i]) / (a + b);
          assertThat((double) actual[r][i])
              .isCloseTo(expected, offset(unitRoundoff(DType.BF16) + 1e-6));
        }
      }
    }
  }
}
