package dev.questspark.engine.checkpoint.gguf;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.DType;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The element types of GGUF that are read: plain ones, and blocks of small integers under a scale
 * (ggml-common.h has the layouts). Widening is done in float, in the order in which ggml's own does
 * it, so that the bits are the same.
 */
enum GgufType {
  F32(0, 1, 4, DType.F32, null),
  F16(1, 1, 2, DType.F16, null),
  BF16(30, 1, 2, DType.BF16, null),
  Q4_0(2, 32, 18, null, GgufType::q4Zero),
  Q4_1(3, 32, 20, null, GgufType::q4One),
  Q5_0(6, 32, 22, null, GgufType::q5Zero),
  Q5_1(7, 32, 24, null, GgufType::q5One),
  Q8_0(8, 32, 34, null, GgufType::q8Zero),
  Q4_K(12, 256, 144, null, (block, at, y) -> fourOrFiveBits(block, at, y, false)),
  Q5_K(13, 256, 176, null, (block, at, y) -> fourOrFiveBits(block, at, y, true)),
  Q6_K(14, 256, 210, null, GgufType::q6K);

  /** Widens the block at byte {@code at} to the buffer, from its position on. */
  private interface Widening {
    void widen(ByteBuffer block, int at, float[] y);
  }

  private final int id;
  private final int elements;
  private final int blockBytes;
  private final DType plain;
  private final Widening widening;

  GgufType(int id, int elements, int blockBytes, DType plain, Widening widening) {
    this.id = id;
    this.elements = elements;
    this.blockBytes = blockBytes;
    this.plain = plain;
    this.widening = widening;
  }

  static GgufType of(Path file, String tensor, int id) {
    return Arrays.stream(values())
        .filter(type -> type.id == id)
        .findFirst()
        .orElseThrow(
            () ->
                new ConfigException(
                    file
                        + ": tensor "
                        + tensor
                        + " is of ggml type "
                        + id
                        + "; known are "
                        + Arrays.stream(values()).map(Enum::name).collect(Collectors.joining(", "))
                        + ", give a file quantised to one of them, as Q4_K_M or Q8_0"));
  }

  /** Elements of a block. */
  int elements() {
    return elements;
  }

  /** The engine's type of the same bytes; none for blocks. */
  Optional<DType> plain() {
    return Optional.ofNullable(plain);
  }

  /** Bytes of a row. */
  long rowBytes(long cols) {
    return cols / elements * blockBytes;
  }

  /** Widens a row of blocks to float, appended to {@code target}. */
  void widen(ByteBuffer row, ByteBuffer target) {
    float[] y = new float[elements];
    for (int at = 0; at < row.limit(); at += blockBytes) {
      widening.widen(row, at, y);
      target.asFloatBuffer().put(y);
      target.position(target.position() + elements * Float.BYTES);
    }
  }

  private static float half(ByteBuffer block, int at) {
    return DType.f16ToFloat(block.getShort(at));
  }

  private static int low(ByteBuffer block, int at) {
    return block.get(at) & 0xf;
  }

  private static int high(ByteBuffer block, int at) {
    return block.get(at) >> 4 & 0xf;
  }

  private static void q4Zero(ByteBuffer block, int at, float[] y) {
    float scale = half(block, at);
    for (int i = 0; i < 16; i++) {
      y[i] = (low(block, at + 2 + i) - 8) * scale;
      y[i + 16] = (high(block, at + 2 + i) - 8) * scale;
    }
  }

  private static void q4One(ByteBuffer block, int at, float[] y) {
    float scale = half(block, at);
    float least = half(block, at + 2);
    for (int i = 0; i < 16; i++) {
      y[i] = low(block, at + 4 + i) * scale + least;
      y[i + 16] = high(block, at + 4 + i) * scale + least;
    }
  }

  private static void q5Zero(ByteBuffer block, int at, float[] y) {
    float scale = half(block, at);
    int fifth = block.getInt(at + 2);
    for (int i = 0; i < 16; i++) {
      y[i] = ((low(block, at + 6 + i) | (fifth >> i & 1) << 4) - 16) * scale;
      y[i + 16] = ((high(block, at + 6 + i) | (fifth >> i + 16 & 1) << 4) - 16) * scale;
    }
  }

  private static void q5One(ByteBuffer block, int at, float[] y) {
    float scale = half(block, at);
    float least = half(block, at + 2);
    int fifth = block.getInt(at + 4);
    for (int i = 0; i < 16; i++) {
      y[i] = (low(block, at + 8 + i) | (fifth >> i & 1) << 4) * scale + least;
      y[i + 16] = (high(block, at + 8 + i) | (fifth >> i + 16 & 1) << 4) * scale + least;
    }
  }

  private static void q8Zero(ByteBuffer block, int at, float[] y) {
    float scale = half(block, at);
    for (int i = 0; i < 32; i++) {
      y[i] = block.get(at + 2 + i) * scale;
    }
  }

  /**
   * Q4_K and Q5_K: scale and minimum of the super-block, 12 bytes with eight scales and eight
   * minima of 6 bits, the fifth bits if there are any, and pairs of 32 elements in the halves of 32
   * bytes.
   */
  private static void fourOrFiveBits(ByteBuffer block, int at, float[] y, boolean five) {
    float scale = half(block, at);
    float least = half(block, at + 2);
    int fifths = at + 16;
    int quants = five ? fifths + 32 : fifths;
    for (int group = 0; group < 8; group++) {
      float groupScale = scale * scaleOf(block, at + 4, group);
      float groupLeast = least * leastOf(block, at + 4, group);
      for (int i = 0; i < 32; i++) {
        int pair = quants + group / 2 * 32 + i;
        int q = group % 2 == 0 ? low(block, pair) : high(block, pair);
        if (five) {
          q |= (block.get(fifths + i) >> group & 1) << 4;
        }
        y[group * 32 + i] = groupScale * q - groupLeast;
      }
    }
  }

  private static int scaleOf(ByteBuffer block, int at, int group) {
    return group < 4
        ? block.get(at + group) & 63
        : block.get(at + group + 4) & 0xf | (block.get(at + group - 4) >> 6 & 3) << 4;
  }

  private static int leastOf(ByteBuffer block, int at, int group) {
    return group < 4
        ? block.get(at + group + 4) & 63
        : block.get(at + group + 4) >> 4 & 0xf | (block.get(at + group) >> 6 & 3) << 4;
  }

  /** 128 bytes of low halves, 64 of upper pairs of bits, 16 scales of 8 bits, one of 16. */
  private static void q6K(ByteBuffer block, int at, float[] y) {
    float scale = half(block, at + 208);
    for (int i = 0; i < 256; i++) {
      int part = i / 128; // each half of the block has 64 bytes of the first, 32 of the second
      int quarter = i % 128 / 32;
      int lane = i % 32;
      int halves = at + part * 64 + quarter % 2 * 32 + lane;
      int four = quarter < 2 ? low(block, halves) : high(block, halves);
      int two = block.get(at + 128 + part * 32 + lane) >> 2 * quarter & 3;
      float groupScale = scale * block.get(at + 192 + i / 16);
      y[i] = groupScale * ((four | two << 4) - 32);
    }
  }
}
