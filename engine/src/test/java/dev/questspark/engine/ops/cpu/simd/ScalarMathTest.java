package dev.questspark.engine.ops.cpu.simd;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

class ScalarMathTest {

  @Test
  void expIsWithinTwoUlpOfTheTruth() {
    for (int i = -870_000; i <= 880_000; i++) {
      float x = i / 10_000f;
      double truth = StrictMath.exp(x);
      double error = Math.abs(ScalarMath.exp(x) - truth) / Math.ulp((float) truth);
      if (error > 2) {
        assertThat(error).as("error of exp(%s) in ulp", x).isLessThanOrEqualTo(2);
      }
    }
  }

  @Test
  void expAtTheEdges() {
    assertThat(ScalarMath.exp(0f)).isEqualTo(1f);
    assertThat(ScalarMath.exp(-0f)).isEqualTo(1f);
    assertThat(ScalarMath.exp(-100f)).isZero();
    assertThat(ScalarMath.exp(Float.NEGATIVE_INFINITY)).isZero();
    assertThat(ScalarMath.exp(100f)).isInfinite();
    assertThat(ScalarMath.exp(Float.POSITIVE_INFINITY)).isInfinite();
    assertThat(ScalarMath.exp(Float.NaN)).isNaN();
  }

  @Test
  void axpy4IsFourTimesAxpy() {
    Random random = new Random(1);
    float[] x = floats(random, 4 * 67);
    float[] w = floats(random, 4);
    float[] once = floats(random, 67);
    float[] four = once.clone();
    ScalarMath.axpy4(once, 0, w, 0, x, 0, 67, 67);
    for (int i = 0; i < 4; i++) {
      ScalarMath.axpy(four, 0, w[i], x, i * 67, 67);
    }
    assertThat(once).isEqualTo(four);
  }

  private static float[] floats(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
