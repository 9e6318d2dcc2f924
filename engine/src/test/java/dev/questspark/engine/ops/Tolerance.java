package dev.questspark.engine.ops;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * How far an op may be from the double-precision reference, in one table; inputs are in [-1, 1].
 *
 * <p>A dot product of n random terms rounds n partial sums of about sqrt(n) / 3 each, and the
 * errors add like a random walk: n / 3 half-ulps of 1 are typical, three times that is allowed.
 * Averages (normalised sums of positive weights) stay below 1, so theirs grow like sqrt(n).
 *
 * <pre>
 *   copies (embed, gatherRows, v, lists)   0
 *   elementwise (add, rope, siluMul)       8 half-ulps of max(1, |expected|)
 *   averages over n (norm, attention)      8 + 4 sqrt(n)
 *   dot products of n (linear, scores)     8 + n; in bf16 too, the reference rounds its inputs
 * </pre>
 */
final class Tolerance {
  private static final double HALF_ULP = 0x1p-24;

  private Tolerance() {}

  static double exact() {
    return 0;
  }

  static double elementwise() {
    return 8 * HALF_ULP;
  }

  static double average(int length) {
    return (8 + 4 * Math.sqrt(length)) * HALF_ULP;
  }

  static double dot(int length) {
    return (8 + length) * HALF_ULP;
  }

  static void assertClose(String what, float[][] actual, float[][] expected, double tolerance) {
    assertThat(actual.length).as(what + " rows").isEqualTo(expected.length);
    for (int r = 0; r < expected.length; r++) {
      assertClose(what + " row " + r, actual[r], expected[r], tolerance);
    }
  }

  static void assertClose(String what, float[] actual, float[] expected, double tolerance) {
    assertThat(actual.length).as(what + " columns").isEqualTo(expected.length);
    for (int i = 0; i < expected.length; i++) {
      double allowed = tolerance * Math.max(1, Math.abs(expected[i]));
      boolean same = Float.floatToIntBits(actual[i]) == Float.floatToIntBits(expected[i]);
      if (!same && !(Math.abs((double) actual[i] - expected[i]) <= allowed)) {
        assertThat(actual[i])
            .as("%s column %d, expected %s within %s", what, i, expected[i], allowed)
            .isEqualTo(expected[i]);
      }
    }
  }
}
