package dev.questspark.engine.ops;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Rounding to 16-bit floats on the host, and what it costs. */
final class HalfFloats {
  private HalfFloats() {}

  /** Relative error of rounding to nearest: half of the distance from 1 to the next number. */
  static double unitRoundoff(DType dtype) {
    return switch (dtype) {
      case F32 -> 0x1p-24;
      case F16 -> 0x1p-11;
      case BF16 -> 0x1p-8;
      case I8 -> throw new IllegalArgumentException("integers are no floats");
    };
  }

  /** The nearest number of a dtype, ties to even; NaN stays. For magnitudes below 65504. */
  static float round(float value, DType dtype) {
    if (dtype == DType.F32 || Float.isNaN(value) || value == 0) {
      return value;
    }
    if (dtype == DType.BF16) {
      return DType.bf16ToFloat(DType.floatToBf16(value));
    }
    // Ten bits after the leading one, down to the smallest subnormal's spacing.
    double spacing = Math.scalb(1.0, Math.max(-24, Math.getExponent(value) - 10));
    return (float) (Math.rint(value / spacing) * spacing);
  }

  /** Rounds every element in place. */
  static float[][] round(float[][] matrix, DType dtype) {
    for (float[] row : matrix) {
      for (int i = 0; i < row.length; i++) {
        row[i] = round(row[i], dtype);
      }
    }
    return matrix;
  }

  /** A checkpoint tensor of already rounded numbers. */
  static HostTensor host(float[][] rounded, DType dtype) {
    if (dtype != DType.F16) {
      return GuardedTensor.host("rounded", dtype, rounded);
    }
    int cols = rounded[0].length;
    ByteBuffer bytes =
        ByteBuffer.allocate(2 * rounded.length * cols).order(ByteOrder.LITTLE_ENDIAN);
    for (float[] row : rounded) {
      for (float value : row) {
        bytes.putShort(bits(value));
      }
    }
    return new HostTensor("rounded", dtype, rounded.length, cols, bytes.flip());
  }

  /** The half-precision bits of a number that has some; one NaN. */
  private static short bits(float value) {
    if (Float.isNaN(value)) {
      return 0x7e00;
    }
    int sign = Float.floatToRawIntBits(value) >>> 16 & 0x8000;
    float magnitude = Math.abs(value);
    int exponent = Math.getExponent(magnitude);
    int half =
        exponent < -14
            ? (int) (magnitude * 0x1p24f)
            : exponent + 15 << 10 | Float.floatToRawIntBits(magnitude) >>> 13 & 0x3ff;
    return (short) (sign | half);
  }
}
