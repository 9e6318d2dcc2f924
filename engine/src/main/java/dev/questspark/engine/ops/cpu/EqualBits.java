package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import java.nio.FloatBuffer;
import java.nio.ShortBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * A row's bits must not depend on the height of the tile it falls into, nor on its place there.
 * oneDNN promises no such thing, so it is measured at load on random numbers: a height stays in a
 * ladder only if the same row, at every place of the tile, comes out bit-equal to that row in a
 * tile of {@link MatmulLadder#FINEST}. (Of the heights, one row with K above 1,024 is known to sum
 * in another order; it then goes through the tile of two.)
 */
final class EqualBits implements AutoCloseable {
  /** As many random numbers as are drawn; a prime, greater than any row, so that rows differ. */
  private static final int NUMBERS = 65_521;

  /** Drawn once per process; each in both types, with the same value. */
  private static final class Numbers {
    static final float[] FLOATS = new float[NUMBERS];
    static final short[] BF16S = new short[NUMBERS];

    static {
      SplittableRandom random = new SplittableRandom(1);
      for (int i = 0; i < NUMBERS; i++) {
        int bits = random.nextInt();
        BF16S[i] = (short) (bits & 0x807f | 0x3f00); // a random sign, and 0.5 to 1
        FLOATS[i] = DType.bf16ToFloat(BF16S[i]);
      }
    }
  }

  private final PanelShape shape;
  private final int inFeatures;
  private final int outFeatures;
  private final NativeMemory plain; // a weight (N, K) in f32
  private final NativeMemory input; // a tallest tile

  EqualBits(PanelShape shape) {
    this.shape = shape;
    this.inFeatures = shape.inFeatures();
    this.outFeatures = shape.outFeatures();
    this.plain = new NativeMemory((long) inFeatures * outFeatures * Float.BYTES);
    this.input = new NativeMemory(MatmulLadder.TALLEST * shape.rowBytes());
    FloatBuffer weight = plain.floats();
    for (int at = 0; at < weight.limit(); at += NUMBERS) {
      weight.put(at, Numbers.FLOATS, 0, Math.min(NUMBERS, weight.limit() - at));
    }
  }

  /**
   * Drops the heights whose rows differ in any bit from those of {@link MatmulLadder#FINEST}.
   *
   * @throws IllegalStateException if not even that height is equal with itself
   */
  void keep(MatmulLadder ladder) {
    try (Measured measured = new Measured(ladder)) {
      fillRows(0);
      float[] expected = measured.product(MatmulLadder.FINEST, 1);
      for (int height : ladder.heights()) {
        float[] y = measured.product(height, height);
        for (int at = 0; at < y.length; at += outFeatures) {
          if (!Arrays.equals(y, at, at + outFeatures, expected, 0, outFeatures)) {
            ladder.drop(height);
            break;
          }
        }
      }
    }
    if (!ladder.heights().contains(MatmulLadder.FINEST)) {
      throw new IllegalStateException(
          "oneDNN's product of (rows, "
              + inFeatures
              + ") and ("
              + inFeatures
              + ", "
              + outFeatures
              + ") depends on a row's place; run with batch_invariant=false");
    }
  }

  /** Whether two ladders of this shape give the same bits in tiles of FINEST different rows. */
  boolean equal(MatmulLadder one, MatmulLadder other) {
    fillRows(1);
    try (Measured first = new Measured(one);
        Measured second = new Measured(other)) {
      return Arrays.equals(
          first.product(MatmulLadder.FINEST, MatmulLadder.FINEST),
          second.product(MatmulLadder.FINEST, MatmulLadder.FINEST));
    }
  }

  /** Row i begins with number i * {@code apart}, a small one, and goes on in order. */
  private void fillRows(int apart) {
    FloatBuffer floats = input.floats();
    ShortBuffer bf16s = input.bytes().asShortBuffer();
    for (int row = 0; row < MatmulLadder.TALLEST; row++) {
      int at = row * inFeatures;
      int first = row * apart;
      int count = Math.min(inFeatures, NUMBERS - first);
      if (shape.rows() == DType.F32) {
        floats.put(at, Numbers.FLOATS, first, count);
        floats.put(at + count, Numbers.FLOATS, 0, inFeatures - count);
      } else {
        bf16s.put(at, Numbers.BF16S, first, count);
        bf16s.put(at + count, Numbers.BF16S, 0, inFeatures - count);
      }
    }
  }

  /** A ladder with the random weight packed for it. */
  private final class Measured implements AutoCloseable {
    private final MatmulLadder ladder;
    private final NativeMemory space;
    private final MatmulLadder.Weight weight;

    Measured(MatmulLadder ladder) {
      this.ladder = ladder;
      this.space = new NativeMemory(ladder.packedBytes());
      HostTensor numbers =
          new HostTensor("random numbers", DType.F32, outFeatures, inFeatures, plain.bytes());
      float[] bias = Arrays.copyOf(Numbers.FLOATS, outFeatures);
      this.weight = ladder.pack(List.of(numbers), bias, 0, space, 0);
    }

    /** The first rows of the input's product in a tile of a height: (rows, N). */
    float[] product(int height, int rows) {
      ladder.multiply(input, 0, height, weight, 0);
      float[] y = new float[rows * outFeatures];
      ladder.output(0).get(0, y);
      return y;
    }

    @Override
    public void close() {
      weight.close();
      space.close();
    }
  }

  @Override
  public void close() {
    plain.close();
    input.close();
  }
}
