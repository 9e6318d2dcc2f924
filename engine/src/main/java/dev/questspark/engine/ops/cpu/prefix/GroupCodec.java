package dev.questspark.engine.ops.cpu.prefix;

import dev.questspark.engine.ops.DType;

/**
 * Groups of numbers as integers of 2, 4 or 8 bits with a scale and a zero in bf16. The zero is the
 * smallest number, rounded down, and the scale is rounded up: so the integers reach every number of
 * the group, and none is off by more than half a scale.
 */
final class GroupCodec {
  private GroupCodec() {}

  /**
   * Stores a group's scale and zero, and leaves its integers for {@link #pack}.
   *
   * @param x the group's numbers, {@code stride} apart
   * @param scaleAt byte of the scale, with the zero behind it
   * @param integers receives {@code count} of them
   */
  static void write(
      float[] x,
      int from,
      int stride,
      int count,
      int bits,
      byte[] bytes,
      int scaleAt,
      int[] integers) {
    float smallest = x[from];
    float largest = x[from];
    for (int i = 1; i < count; i++) {
      smallest = Math.min(smallest, x[from + i * stride]);
      largest = Math.max(largest, x[from + i * stride]);
    }
    int levels = (1 << bits) - 1;
    short zeroBits = down(smallest);
    float zero = DType.bf16ToFloat(zeroBits);
    short scaleBits = up((largest - zero) / levels);
    float scale = DType.bf16ToFloat(scaleBits);
    put(bytes, scaleAt, scaleBits);
    put(bytes, scaleAt + 2, zeroBits);
    for (int i = 0; i < count; i++) {
      int integer = scale == 0 ? 0 : Math.round((x[from + i * stride] - zero) / scale);
      integers[i] = Math.max(0, Math.min(levels, integer));
    }
  }

  /** Packs {@code count} integers of {@code bits} bits, the first into the low bits. */
  static void pack(int[] integers, int from, int count, int bits, byte[] bytes, int at) {
    int perByte = 8 / bits;
    for (int i = 0; i < count / perByte; i++) {
      int packed = 0;
      for (int j = 0; j < perByte; j++) {
        packed |= integers[from + i * perByte + j] << j * bits;
      }
      bytes[at + i] = (byte) packed;
    }
  }

  /** Widens {@code count} integers: zero + integer * scale, rounded once. */
  static void read(byte[] bytes, int at, int count, int bits, int scaleAt, float[] target, int to) {
    float scale = bf16(bytes, scaleAt);
    float zero = bf16(bytes, scaleAt + 2);
    switch (bits) {
      case 8 -> {
        for (int i = 0; i < count; i++) {
          target[to + i] = Math.fma(bytes[at + i] & 0xff, scale, zero);
        }
      }
      case 4 -> {
        for (int i = 0; i < count / 2; i++) {
          int two = bytes[at + i];
          target[to + 2 * i] = Math.fma(two & 15, scale, zero);
          target[to + 2 * i + 1] = Math.fma(two >>> 4 & 15, scale, zero);
        }
      }
      default -> {
        for (int i = 0; i < count / 4; i++) {
          int four = bytes[at + i];
          target[to + 4 * i] = Math.fma(four & 3, scale, zero);
          target[to + 4 * i + 1] = Math.fma(four >>> 2 & 3, scale, zero);
          target[to + 4 * i + 2] = Math.fma(four >>> 4 & 3, scale, zero);
          target[to + 4 * i + 3] = Math.fma(four >>> 6 & 3, scale, zero);
        }
      }
    }
  }

  private static float bf16(byte[] bytes, int at) {
    return DType.bf16ToFloat((short) (bytes[at] & 0xff | bytes[at + 1] << 8));
  }

  private static void put(byte[] bytes, int at, short bits) {
    bytes[at] = (byte) bits;
    bytes[at + 1] = (byte) (bits >> 8);
  }

  /** The largest bf16 number not above a number. */
  private static short down(float x) {
    return truncatedOr(x, x < 0);
  }

  /** The smallest bf16 number not below a number. */
  private static short up(float x) {
    return truncatedOr(x, x > 0);
  }

  private static short truncatedOr(float x, boolean away) {
    int bits = Float.floatToRawIntBits(x);
    if (Float.isNaN(x)) {
      return DType.floatToBf16(x);
    }
    boolean exact = (bits & 0xffff) == 0;
    return (short) ((bits >>> 16) + (away && !exact ? 1 : 0));
  }
}
