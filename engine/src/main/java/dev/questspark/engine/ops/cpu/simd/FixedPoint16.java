package dev.questspark.engine.ops.cpu.simd;

/**
 * Rows in fixed point of 16 bits, which weights in 8 bits are multiplied by: x = step * (256 * high
 * + low), the row's step its largest magnitude / 32,639. So no number moves by more than 1/65,278
 * of its row's largest, and a product is one of integers: exact, regardless of the order of its
 * sums and the rows beside it, on the processor's fastest instructions. TensorFlow Lite calls such
 * a pair of types 16x8, with steps calibrated per tensor.
 *
 * <p>Its digits, high and low, lie between -128 and 127 and are stored as bytes without sign, 128
 * more: that is the type that AVX512_VNNI multiplies by signed weights. A sum of stored digits
 * times weights is too large by 128 times the weights' sum.
 */
public final class FixedPoint16 {
  /** Digits of a number. */
  public static final int COUNT = 2;

  /** What a high digit counts. */
  static final float RADIX = 256;

  /** The greatest number of steps whose high digit is at most 127. */
  static final float LARGEST = 32_639;

  /** What a stored digit is above its value. */
  public static final int ZERO = 128;

  /** The longest row whose sums of stored digits times weights fit 32 bits. */
  public static final int LONGEST = Integer.MAX_VALUE / (255 * 127);

  /** A row with no larger magnitude counts as zeros: the inverse of its step is not finite. */
  static final float SMALLEST = 0x1p-110f;

  private FixedPoint16() {}

  /**
   * What one step of a row is.
   *
   * @param largest its largest magnitude; if that is not finite, neither is the result
   */
  public static float step(float largest) {
    return largest / LARGEST;
  }

  /** Steps per 1; 0 for a row that has no finite step. */
  public static float perUnit(float largest) {
    return largest >= SMALLEST && largest <= Float.MAX_VALUE ? LARGEST / largest : 0;
  }

  /** The number of steps nearest to x. */
  static int steps(float x, float perUnit) {
    return Float.floatToRawIntBits(x * perUnit + ScalarMath.TO_INTEGER)
        - Float.floatToRawIntBits(ScalarMath.TO_INTEGER);
  }

  /** The stored high digit. */
  static byte high(int steps) {
    return (byte) ((steps + 128 >> 8) + ZERO);
  }

  /** The stored low digit. */
  static byte low(int steps) {
    return (byte) (steps + ZERO);
  }
}
