package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * A row's bits must not depend on the height of the tile it falls into. oneDNN promises no such
 * thing, so it is measured at load on random data: a height stays in a ladder only if each of its
 * rows comes out bit-equal to the same row of a tile of {@link MatmulLadder#FINEST}, at every place
 * in the tile. (Of the heights, one row with K above 1,024 is known to sum in another order; it
 * then goes through the tile of two.)
 */
final class EqualBits {
  /** Random weights that the measurement is made with; a prime, greater than any row. */
  private static final int NUMBERS = 65_521;

  private static final int ROWS = MatmulLadder.FINEST;

  private final MatmulLadder ladder;
  private final int inFeatures;
  private final int outFeatures;
  private final float[] x;
  private NativeMemory input; // a tile of rows, while a weight is measured

  EqualBits(MatmulLadder ladder) {
    this.ladder = ladder;
    this.inFeatures = ladder.shape().inFeatures();
    this.outFeatures = ladder.shape().outFeatures();
    this.x = random(new SplittableRandom(1), ROWS * inFeatures);
  }

  /**
   * Drops the heights whose rows differ in any bit from those of {@link MatmulLadder#FINEST}.
   *
   * @throws IllegalStateException if not even that height is equal with itself
   */
  void keep() {
    withWeight(
        weight -> {
          float[] expected = probe(ROWS, x, weight);
          for (int height : ladder.heights()) {
            if (!equalsExpected(height, expected, weight)
                || !equalsEverywhere(height, expected, weight)) {
              ladder.drop(height);
            }
          }
          if (!ladder.heights().contains(ROWS)) {
            throw new IllegalStateException(
                "oneDNN's product of (rows, "
                    + inFeatures
                    + ") and ("
                    + inFeatures
                    + ", "
                    + outFeatures
                    + ") depends on a row's place; run with batch_invariant=false");
          }
          return null;
        });
  }

  /** The result of random rows and weights that bf16 holds exactly. */
  float[] result() {
    return withWeight(weight -> probe(ROWS, x, weight));
  }

  /** Rows in tiles of a height, or as often as they fit into a taller one. */
  private boolean equalsExpected(int height, float[] expected, MatmulLadder.Weight weight) {
    for (int first = 0; first < ROWS; first += height) {
      float[] rows = new float[height * inFeatures];
      for (int row = 0; row < height; row++) {
        System.arraycopy(x, (first + row) % ROWS * inFeatures, rows, row * inFeatures, inFeatures);
      }
      float[] y = probe(height, rows, weight);
      for (int row = 0; row < height; row++) {
        int at = row * outFeatures;
        int same = (first + row) % ROWS * outFeatures;
        if (!Arrays.equals(y, at, at + outFeatures, expected, same, same + outFeatures)) {
          return false;
        }
      }
    }
    return true;
  }

  /** Whether the same row at every place in the tile gives the same bits there. */
  private boolean equalsEverywhere(int height, float[] expected, MatmulLadder.Weight weight) {
    float[] same = new float[height * inFeatures];
    for (int row = 0; row < height; row++) {
      System.arraycopy(x, 0, same, row * inFeatures, inFeatures);
    }
    float[] rows = probe(height, same, weight);
    for (int at = 0; at < rows.length; at += outFeatures) {
      if (!Arrays.equals(rows, at, at + outFeatures, expected, 0, outFeatures)) {
        return false;
      }
    }
    return true;
  }

  private interface Measurement<R> {
    R of(MatmulLadder.Weight weight);
  }

  private <R> R withWeight(Measurement<R> measurement) {
    long bytes = (long) inFeatures * outFeatures * Float.BYTES;
    long tile = (long) MatmulLadder.TALLEST * inFeatures * Float.BYTES;
    try (NativeMemory plain = new NativeMemory(bytes);
        NativeMemory rows = new NativeMemory(tile);
        NativeMemory space = new NativeMemory(ladder.packedBytes())) {
      ByteBuffer numbers = plain.bytes().order(ByteOrder.LITTLE_ENDIAN);
      SplittableRandom random = new SplittableRandom(2);
      repeat(bf16(random(random, NUMBERS)), numbers.asFloatBuffer());
      HostTensor weight =
          new HostTensor("random numbers", DType.F32, outFeatures, inFeatures, numbers);
      float[] bias = random(random, outFeatures);
      try (MatmulLadder.Weight packed = ladder.pack(List.of(weight), bias, 0, space, 0)) {
        input = rows;
        return measurement.of(packed);
      }
    }
  }

  private float[] probe(int rows, float[] x, MatmulLadder.Weight weight) {
    input.floats().put(0, x);
    ladder.multiply(input, 0, rows, weight, 0);
    float[] y = new float[rows * outFeatures];
    ladder.output(0).get(0, y);
    return y;
  }

  /** Fills a weight (N, K) with the numbers, over and over; their prime count shifts each row. */
  private static void repeat(float[] numbers, FloatBuffer weight) {
    while (weight.hasRemaining()) {
      weight.put(numbers, 0, Math.min(numbers.length, weight.remaining()));
    }
  }

  private static float[] bf16(float[] values) {
    for (int i = 0; i < values.length; i++) {
      values[i] = DType.bf16ToFloat(DType.floatToBf16(values[i]));
    }
    return values;
  }

  private static float[] random(SplittableRandom random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextDouble(-1, 1);
    }
    return values;
  }
}
