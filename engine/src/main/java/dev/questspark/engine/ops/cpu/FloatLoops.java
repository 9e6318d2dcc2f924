package dev.questspark.engine.ops.cpu;

/**
 * The inner loops, in forms that the JIT compiler turns into vector instructions, or that at least
 * keep several multiply-adds in flight. Every sum runs in one fixed order.
 */
final class FloatLoops {
  private FloatLoops() {}

  /** y[i] += w * x[i]. */
  static void axpy(float[] y, int yFrom, float w, float[] x, int xFrom, int count) {
    for (int i = 0; i < count; i++) {
      y[yFrom + i] = Math.fma(w, x[xFrom + i], y[yFrom + i]);
    }
  }

  /**
   * y += w0 * x0 + w1 * x1 + w2 * x2 + w3 * x3 for four vectors {@code stride} apart; the same bits
   * as four calls of {@link #axpy}, with a quarter of the traffic on y.
   */
  static void axpy4(
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
  static void scale(float[] y, int yFrom, float w, int count) {
    for (int i = 0; i < count; i++) {
      y[yFrom + i] *= w;
    }
  }

  /**
   * e^x to within 2 ulp for x in [-87, 88]; 0 below, infinity above, NaN for NaN. Splits x = n ln 2
   * + r with |r| at most ln 2 / 2 and takes the Taylor polynomial of e^r to degree 7.
   */
  static float exp(float x) {
    if (!(x >= -87f)) {
      return x < -87f ? 0f : x; // the second: NaN
    }
    if (x > 88f) {
      return Float.POSITIVE_INFINITY;
    }
    // Adding 1.5 * 2^23 rounds to an integer; the subtraction takes it away again.
    float n = Math.fma(x, 1.44269504f, 12582912f) - 12582912f;
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
}
