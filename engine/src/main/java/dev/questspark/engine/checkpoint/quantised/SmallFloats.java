package dev.questspark.engine.checkpoint.quantised;

import dev.questspark.engine.ops.DType;

/** Floats of four and eight bits, widened by table. */
final class SmallFloats {
  private static final float[] E4M3 = new float[256];
  private static final float[] E5M2 = new float[256];
  private static final float[] E2M1 = {
    0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0f, -0.5f, -1, -1.5f, -2, -3, -4, -6
  };

  static {
    for (int bits = 0; bits < 256; bits++) {
      E4M3[bits] = e4m3(bits);
      E5M2[bits] = DType.f16ToFloat((short) (bits << 8)); // a half without its last eight bits
    }
  }

  private SmallFloats() {}

  /** OCP's E4M3 as PyTorch's float8_e4m3fn: no infinities, bias 7. */
  private static float e4m3(int bits) {
    int exponent = bits >> 3 & 0xf;
    int mantissa = bits & 7;
    if (exponent == 15 && mantissa == 7) {
      return Float.NaN;
    }
    float magnitude =
        exponent == 0 ? mantissa * 0x1p-9f : Math.scalb(1 + mantissa / 8f, exponent - 7);
    return bits >> 7 == 0 ? magnitude : -magnitude;
  }

  /** Safetensors' F8_E4M3 or F8_E5M2. */
  static float[] table(String dtype) {
    return dtype.equals("F8_E4M3") ? E4M3 : E5M2;
  }

  /** OCP's E2M1, of MXFP4; four bits. */
  static float e2m1(int bits) {
    return E2M1[bits];
  }

  /** OCP's E8M0, a power of two; 255 is NaN. */
  static float e8m0(int bits) {
    return bits == 255 ? Float.NaN : (float) Math.scalb(1.0, bits - 127);
  }
}
