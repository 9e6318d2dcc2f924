package dev.questspark.engine.ops.cpu.gemm;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.cpu.memory.NativeMemory;
import dev.questspark.engine.ops.cpu.simd.ScalarOps;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import java.nio.FloatBuffer;
import java.nio.ShortBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * A row's bits must not depend on the height of the tile it falls into, nor on its place there.
 * oneDNN promises no such thing, so it is measured at load on random numbers: a height is kept only
 * if rows come out bit-equal to the same rows in a tile of {@link TiledMatmul#FINEST}, at every
 * place of the tile. (Of the heights, one row with K above 1,024 is known to sum in another order;
 * it then goes through the tile of two.)
 */
final class BatchInvarianceProbe implements AutoCloseable {
  /**
   * How many different rows are compared, in turns, which a tile's height is no multiple of.
   * Another order shows in few results: where a row has few, more rows.
   */
  private static final int ROWS = 7;

  private static final int ROWS_OF_FEW_RESULTS = 61;
  private static final int FEW_RESULTS = 512;

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
        int exponent = 127 - (bits >>> Short.SIZE) % 12; // a sum of numbers of one size is exact
        BF16S[i] = (short) (bits & 0x807f | exponent << 7);
        FLOATS[i] = DType.bf16ToFloat(BF16S[i]);
      }
    }
  }

  private final PanelShape shape;
  private final int inFeatures;
  private final int outFeatures;
  private final NativeMemory plain; // a weight (N, K) in f32
  private final NativeMemory input; // a tallest tile

  BatchInvarianceProbe(PanelShape shape) {
    this.shape = shape;
    this.inFeatures = shape.inFeatures();
    this.outFeatures = shape.outFeatures();
    this.plain = new NativeMemory((long) inFeatures * outFeatures * Float.BYTES);
    this.input = new NativeMemory(TiledMatmul.TALLEST * shape.rowBytes());
    FloatBuffer weight = plain.floats();
    for (int at = 0; at < weight.limit(); at += NUMBERS) {
      weight.put(at, Numbers.FLOATS, 0, Math.min(NUMBERS, weight.limit() - at));
    }
  }

  /**
   * Drops the heights whose rows differ in any bit from those of {@link TiledMatmul#FINEST}.
   *
   * @throws IllegalStateException if not even that height is equal with itself
   */
  void keep(TiledMatmul tiled) {
    int rows = outFeatures < FEW_RESULTS ? ROWS_OF_FEW_RESULTS : ROWS;
    try (Measured measured = new Measured(tiled)) {
      fillRows(rows);
      float[] expected = measured.product(0, TiledMatmul.FINEST, rows);
      for (int height : tiled.heights()) {
        if (!measured.agrees(height, expected)) {
          tiled.drop(height);
        }
      }
    }
    if (!tiled.heights().contains(TiledMatmul.FINEST)) {
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

  /**
   * Whether a single row has the bits of a row in a tile, in its first and its last columns. In
   * plain Java, whose bits are those of the Vector API: that is not compiled yet, and would leave
   * every vector as an object.
   */
  static boolean equal(TiledMatmul tiled, SingleRowMatmul product) {
    try (BatchInvarianceProbe measure = new BatchInvarianceProbe(tiled.shape())) {
      return measure.equalAlone(tiled, product);
    }
  }

  private boolean equalAlone(TiledMatmul tiled, SingleRowMatmul product) {
    fillRows(1);
    float[] x = Arrays.copyOf(Numbers.FLOATS, inFeatures); // the first row
    SimdOps simd = new ScalarOps();
    try (Measured measured = new Measured(tiled)) {
      float[] expected = measured.product(0, TiledMatmul.FINEST, 1);
      float[] y = expected.clone();
      SingleRowMatmul.Panel panel =
          product.panel(measured.space.bytes(), measured.bias, 0, simd).orElseThrow();
      int strips = panel.strips();
      panel.multiply(x, y, 0, 0, Math.min(2, strips), simd, 0);
      panel.multiply(x, y, 0, Math.max(0, strips - 2), strips, simd, 0);
      return Arrays.equals(y, expected);
    }
  }

  /** Whether two products of this shape give the same bits in tiles of FINEST different rows. */
  boolean equal(TiledMatmul one, TiledMatmul other) {
    fillRows(TiledMatmul.FINEST);
    try (Measured first = new Measured(one);
        Measured second = new Measured(other)) {
      return Arrays.equals(
          first.product(0, TiledMatmul.FINEST, TiledMatmul.FINEST),
          second.product(0, TiledMatmul.FINEST, TiledMatmul.FINEST));
    }
  }

  /** So many rows in turns, each the one before and all numbers one further. */
  private void fillRows(int different) {
    FloatBuffer floats = input.floats();
    ShortBuffer bf16s = input.bytes().asShortBuffer();
    for (int row = 0; row < TiledMatmul.TALLEST; row++) {
      int at = row * inFeatures;
      int first = row % different;
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

  /** A product with the random weight packed for it. */
  private final class Measured implements AutoCloseable {
    private final TiledMatmul tiled;
    private final NativeMemory space;
    private final TiledMatmul.Weight weight;
    private final float[] bias;

    Measured(TiledMatmul tiled) {
      this.tiled = tiled;
      this.space = new NativeMemory(tiled.packedBytes());
      HostTensor numbers =
          new HostTensor("random numbers", DType.F32, outFeatures, inFeatures, plain.bytes());
      this.bias = Arrays.copyOf(Numbers.FLOATS, outFeatures);
      this.weight = tiled.pack(List.of(numbers), bias, 0, space, 0);
    }

    /** The product of the input's rows from {@code from} on, one tile: the first rows of it. */
    float[] product(int from, int height, int rows) {
      tiled.multiply(input, from * shape.rowBytes(), height, weight, 0);
      float[] y = new float[rows * outFeatures];
      tiled.output(0).get(0, y);
      return y;
    }

    /** Whether rows in tiles of a height have the results of the rows that they repeat. */
    boolean agrees(int height, float[] expected) {
      int different = expected.length / outFeatures;
      for (int from = 0; from < different; from += height) {
        float[] y = product(from, height, height);
        for (int row = 0; row < height; row++) {
          int at = row * outFeatures;
          int same = (from + row) % different * outFeatures;
          if (!Arrays.equals(y, at, at + outFeatures, expected, same, same + outFeatures)) {
            return false;
          }
        }
      }
      return true;
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
