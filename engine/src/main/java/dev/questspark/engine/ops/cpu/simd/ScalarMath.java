package dev.questspark.engine.ops.cpu.simd;

/**
 * Arithmetic on arrays and numbers, in forms that the JIT compiler turns into vector instructions,
 * or that at least keep several multiply-adds in flight. Every sum runs in one fixed order.
 */
public final class ScalarMath {
  static final float LOG2_E = 1.44269504f;

  /** 1.5 * 2^23: added to a float it rounds it to an integer, which its low bits then are. */
  static final float TO_INTEGER = 12582912f;

  private ScalarMath() {}

  /** y[i] += w * x[i]. */
  public static void axpy(float[] y, int yFrom, float w, float[] x, int xFrom, int count) {
    for (int i = 0; i < count; i++) {
      y[yFrom + i] = Math.fma(w, x[xFrom + i], y[yFrom + i]);
    }
  }

  /**
   * y += w0 * x0 + w1 * x1 + w2 * x2 + w3 * x3 for four vectors {@code stride} apart; the same bits
   * as four calls of {@link #axpy}, with a quarter of the traffic on y.
   */
  public static void axpy4(
      float[] y, int yFrom, float[] w, int wFrom, float[] x, int xFrom, int stride, int count) {
    float w0 = w[wFrom];
    float w1 = w[wFrom + 1];
    float w2 = w[wFrom + 2];
    float w3 = w[wFrom + 3];
    int x1 = xFrom + stride;
    int x2 = x1 + stride;
    int x3 = x2 + stride;
    for (int i = 0; i < count; i++) {
      float sum = Math.fma(w0, x[xFrom + i], y[yFrom + i]);
      sum = Math.fma(w1, x[x1 + i], sum);
      sum = Math.fma(w2, x[x2 + i], sum);
      y[yFrom + i] = Math.fma(w3, x[x3 + i], sum);
    }
  }

  /** y[i] *= w. */
  public static void scale(float[] y, int yFrom, float w, int count) {
    for (int i = 0; i < count; i++) {
      y[yFrom + i] *= w;
    }
  }

  /**
   * e^x to within 2 ulp for x in [-87, 88]; 0 below, infinity above, NaN for NaN. Splits x = n ln 2
   * + r with |r| at most ln 2 / 2 and takes the Taylor polynomial of e^r to degree 7.
   */
  public static float exp(float x) {
    if (!(x >= -87f)) {
      return x < -87f ? 0f : x; // the second: NaN
    }
    if (x > 88f) {
      return Float.POSITIVE_INFINITY;
    }
    float n = Math.fma(x, LOG2_E, TO_INTEGER) - TO_INTEGER;
    // ln 2 in two parts: the first has few bits, so that n * LN2_HIGH is exact.
    float r = Math.fma(n, -0.693359375f, x);
    r = Math.fma(n, 2.12194440e-4f, r);
    float p = 1f / 5040;
    p = Math.fma(p, r, 1f / 720);
    p = Math.fma(p, r, 1f / 120);
    p = Math.fma(p, r, 1f / 24);
    p = Math.fma(p, r, 1f / 6);
    p = Math.fma(p, r, 0.5f);
    p = Math.fma(p, r, 1f);
    p = Math.fma(p, r, 1f);
    return p * Float.intBitsToFloat(((int) n + 127) << 23);
  }

  // 2^r of |r| up to 1/2, relative error 3e-6: coefficients of a minimax polynomial.
  static final float EXP2_0 = 0.9999993f;
  static final float EXP2_1 = 0.6931218f;
  static final float EXP2_2 = 0.24024744f;
  static final float EXP2_3 = 0.055917863f;
  static final float EXP2_4 = 0.009570102f;

  /** Smaller powers are 0: the sum of exponents below would not be one. */
  static final float LEAST_POWER = -125f;

  /** 2^t of numbers up to 0, coarse: for results that are rounded to bf16. */
  static float exp2(float t) {
    float shifted = t + TO_INTEGER;
    float r = t - (shifted - TO_INTEGER);
    float p = Math.fma(r, EXP2_4, EXP2_3);
    p = Math.fma(p, r, EXP2_2);
    p = Math.fma(p, r, EXP2_1);
    p = Math.fma(p, r, EXP2_0);
    int bits = Float.floatToRawIntBits(p) + (Float.floatToRawIntBits(shifted) << 23);
    return t < LEAST_POWER ? 0f : Float.intBitsToFloat(bits);
  }

  /** The nearest bf16, ties up, of a number that is not negative. */
  static short nearestBf16(float x) {
    return (short) ((Float.floatToRawIntBits(x) + 0x8000) >>> Short.SIZE);
  }

  /** {@link SimdOps#order} of one number. */
  static int order(float x) {
    int bits = Float.floatToRawIntBits(x + 0f); // -0 + 0 = +0
    return Float.isNaN(x) ? Integer.MIN_VALUE : bits ^ bits >> 31 >>> 1;
  }
}
