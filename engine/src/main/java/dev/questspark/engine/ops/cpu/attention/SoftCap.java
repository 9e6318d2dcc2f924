package dev.questspark.engine.ops.cpu.attention;

import dev.questspark.engine.ops.cpu.simd.ScalarMath;

/** Logits that a hyperbolic tangent bends so that none is beyond a cap. */
public final class SoftCap {
  private SoftCap() {}

  /**
   * x = cap * tanh(x / cap), by exp(-2 |x| / cap). A number that is not one, in a slot that nobody
   * sees, stays what it is.
   */
  public static void apply(float[] x, int from, int count, float cap) {
    float twice = 2 / cap;
    for (int i = from; i < from + count; i++) {
      float e = ScalarMath.exp(-twice * Math.abs(x[i]));
      x[i] = Math.copySign(cap * (1 - e) / (1 + e), x[i]);
    }
  }
}
