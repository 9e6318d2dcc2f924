package dev.questspark.engine.ops.cpu.simd;

import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.Rounding;

/** Writes a digest pair in 8 bits; {@link KvGeometry} tells the layout. */
public final class Int8Pair {
  private static final int BLOCK = KvGeometry.SCALE_CHANNELS;

  /** Exponent bits of a float. */
  private static final int MANTISSA_BITS = 23;

  private Int8Pair() {}

  /** The factor of a block's integers. */
  static float scale(int exponent) {
    return Float.intBitsToFloat(exponent << MANTISSA_BITS);
  }

  /** Rounds a pair (2 D) into {@code bytes} from {@code at} on, each vector as the score says. */
  public static void write(PageScore score, float[] pair, int headDim, byte[] bytes, int at) {
    for (int from = 0; from < 2 * headDim; from += BLOCK) {
      float largest = 0;
      for (int e = from; e < from + BLOCK; e++) {
        largest = Math.max(largest, Math.abs(pair[e]));
      }
      int exponent = exponent(largest);
      float scale = scale(exponent);
      float inverse = scale(254 - exponent);
      bytes[at + 2 * headDim + from / BLOCK] = (byte) exponent;
      Rounding rounding = from < headDim ? score.first() : score.second();
      for (int e = from; e < from + BLOCK; e++) {
        bytes[at + e] = (byte) round(rounding, pair[e], scale, inverse);
      }
    }
  }

  private static int round(Rounding rounding, float value, float scale, float inverse) {
    return switch (rounding) {
      case DOWN -> roundDown(value, scale, inverse);
      case NEAREST -> (int) Math.rint(value * inverse);
      case UP -> -roundDown(-value, scale, inverse);
    };
  }

  /**
   * The smallest power of two whose multiples up to 127 reach a magnitude. 2^(k - 6) does from 2^k
   * to 127/64 * 2^k; above that the sum carries into the exponent. At least 2^-126: a denormal
   * scale would have no inverse.
   */
  private static int exponent(float largest) {
    return Math.max(1, ((Float.floatToRawIntBits(largest) + 0x1ffff) >>> MANTISSA_BITS) - 6);
  }

  /** The largest integer whose multiple of the scale is at most the value. */
  private static int roundDown(float value, float scale, float inverse) {
    int towardsZero = (int) (value * inverse);
    return towardsZero * scale > value ? towardsZero - 1 : towardsZero;
  }
}
