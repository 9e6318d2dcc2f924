package dev.questspark.engine.ops.cpu.simd;

import static dev.questspark.engine.ops.cpu.simd.VectorLanes.BYTES;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.FLOATS;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.LANES;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.load;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.zero;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * The part of {@link VectorOps} that multiplies vectors with many others: eight sums at a time, so
 * that none waits for its own multiply-add and their chains are added up together. What is left
 * over is computed together with some once more.
 *
 * <p>The three methods that multiply are long on purpose. The compiler inlines shorter ones into
 * their callers until it has had enough, and what it then leaves out makes an object of every
 * vector: ten times slower.
 */
final class VectorDotOps {
  private static final int CHAINS = SimdOps.CHAINS;

  /** Sums that are computed together. */
  private static final int SUMS = 8;

  /** Fewest others. */
  static final int LEAST = SUMS;

  private final float[] chains = new float[SUMS * CHAINS];
  private final float[] sums = new float[2 * SUMS];

  /** {@link SimdOps#dots} of at least {@link #LEAST} others, of whole {@link SimdOps#CHAINS}. */
  void dots(
      float[] out,
      int at,
      int stride,
      float[] a,
      int aFrom,
      int rows,
      float[] b,
      int others,
      int count) {
    if (rows == 1) {
      for (int i = 0; i < others; i += SUMS) {
        int first = Math.min(i, others - SUMS);
        oneByEight(chains, a, aFrom, b, first * count, count);
        addUp(out, at + first, at + first + SUMS / 2);
      }
      return;
    }
    for (int i = 0; i < rows; i += 2) {
      int r = Math.min(i, rows - 2);
      for (int k = 0; k < others; k += SUMS / 2) {
        int first = Math.min(k, others - SUMS / 2);
        twoByFour(chains, a, aFrom + r * count, b, first * count, count);
        int target = at + r * stride + first;
        addUp(out, target, target + stride);
      }
    }
  }

  /** {@link SimdOps#dots} in 8 bits of at least {@link #LEAST} others. */
  void dots(
      float[] out, int at, float[] a, int aFrom, byte[] b, int[] from, int others, int count) {
    for (int i = 0; i < others; i += SUMS) {
      int first = Math.min(i, others - SUMS);
      oneByEight(chains, a, aFrom, b, from, first, count);
      addUp(out, at + first, at + first + SUMS / 2);
    }
  }

  /** Half of the sums go to {@code at} and after it, the others to {@code next} and after it. */
  private void addUp(float[] out, int at, int next) {
    if (LANES == CHAINS) {
      VectorHalves.addUp(chains, sums, out, at, next);
      return;
    }
    for (int i = 0; i < SUMS / 2; i++) {
      out[at + i] = SimdOps.addUp(chains, i * CHAINS);
      out[next + i] = SimdOps.addUp(chains, (SUMS / 2 + i) * CHAINS);
    }
  }

  private static void twoByFour(float[] chains, float[] a, int a0, float[] b, int b0, int count) {
    int a1 = a0 + count;
    int b1 = b0 + count;
    int b2 = b1 + count;
    int b3 = b2 + count;
    for (int lane = 0; lane < CHAINS; lane += LANES) {
      FloatVector s0 = zero(), s1 = zero(), s2 = zero(), s3 = zero();
      FloatVector t0 = zero(), t1 = zero(), t2 = zero(), t3 = zero();
      for (int i = lane; i < count; i += CHAINS) {
        FloatVector x = load(a, a0 + i);
        FloatVector y = load(a, a1 + i);
        FloatVector v0 = load(b, b0 + i);
        s0 = x.fma(v0, s0);
        t0 = y.fma(v0, t0);
        FloatVector v1 = load(b, b1 + i);
        s1 = x.fma(v1, s1);
        t1 = y.fma(v1, t1);
        FloatVector v2 = load(b, b2 + i);
        s2 = x.fma(v2, s2);
        t2 = y.fma(v2, t2);
        FloatVector v3 = load(b, b3 + i);
        s3 = x.fma(v3, s3);
        t3 = y.fma(v3, t3);
      }
      s0.intoArray(chains, lane);
      s1.intoArray(chains, lane + CHAINS);
      s2.intoArray(chains, lane + 2 * CHAINS);
      s3.intoArray(chains, lane + 3 * CHAINS);
      t0.intoArray(chains, lane + 4 * CHAINS);
      t1.intoArray(chains, lane + 5 * CHAINS);
      t2.intoArray(chains, lane + 6 * CHAINS);
      t3.intoArray(chains, lane + 7 * CHAINS);
    }
  }

  private static void oneByEight(float[] chains, float[] a, int a0, float[] b, int b0, int count) {
    int b1 = b0 + count;
    int b2 = b1 + count;
    int b3 = b2 + count;
    int b4 = b3 + count;
    int b5 = b4 + count;
    int b6 = b5 + count;
    int b7 = b6 + count;
    for (int lane = 0; lane < CHAINS; lane += LANES) {
      FloatVector s0 = zero(), s1 = zero(), s2 = zero(), s3 = zero();
      FloatVector s4 = zero(), s5 = zero(), s6 = zero(), s7 = zero();
      for (int i = lane; i < count; i += CHAINS) {
        FloatVector x = load(a, a0 + i);
        s0 = x.fma(load(b, b0 + i), s0);
        s1 = x.fma(load(b, b1 + i), s1);
        s2 = x.fma(load(b, b2 + i), s2);
        s3 = x.fma(load(b, b3 + i), s3);
        s4 = x.fma(load(b, b4 + i), s4);
        s5 = x.fma(load(b, b5 + i), s5);
        s6 = x.fma(load(b, b6 + i), s6);
        s7 = x.fma(load(b, b7 + i), s7);
      }
      s0.intoArray(chains, lane);
      s1.intoArray(chains, lane + CHAINS);
      s2.intoArray(chains, lane + 2 * CHAINS);
      s3.intoArray(chains, lane + 3 * CHAINS);
      s4.intoArray(chains, lane + 4 * CHAINS);
      s5.intoArray(chains, lane + 5 * CHAINS);
      s6.intoArray(chains, lane + 6 * CHAINS);
      s7.intoArray(chains, lane + 7 * CHAINS);
    }
  }

  private static void oneByEight(
      float[] chains, float[] a, int a0, byte[] b, int[] from, int first, int count) {
    int b0 = from[first];
    int b1 = from[first + 1];
    int b2 = from[first + 2];
    int b3 = from[first + 3];
    int b4 = from[first + 4];
    int b5 = from[first + 5];
    int b6 = from[first + 6];
    int b7 = from[first + 7];
    for (int lane = 0; lane < CHAINS; lane += LANES) {
      FloatVector s0 = zero(), s1 = zero(), s2 = zero(), s3 = zero();
      FloatVector s4 = zero(), s5 = zero(), s6 = zero(), s7 = zero();
      int exponent = count;
      for (int i = lane; i < count; i += CHAINS) {
        FloatVector x = load(a, a0 + i);
        s0 = x.fma(wide(b, b0 + i, b0 + exponent), s0);
        s1 = x.fma(wide(b, b1 + i, b1 + exponent), s1);
        s2 = x.fma(wide(b, b2 + i, b2 + exponent), s2);
        s3 = x.fma(wide(b, b3 + i, b3 + exponent), s3);
        s4 = x.fma(wide(b, b4 + i, b4 + exponent), s4);
        s5 = x.fma(wide(b, b5 + i, b5 + exponent), s5);
        s6 = x.fma(wide(b, b6 + i, b6 + exponent), s6);
        s7 = x.fma(wide(b, b7 + i, b7 + exponent), s7);
        exponent++;
      }
      s0.intoArray(chains, lane);
      s1.intoArray(chains, lane + CHAINS);
      s2.intoArray(chains, lane + 2 * CHAINS);
      s3.intoArray(chains, lane + 3 * CHAINS);
      s4.intoArray(chains, lane + 4 * CHAINS);
      s5.intoArray(chains, lane + 5 * CHAINS);
      s6.intoArray(chains, lane + 6 * CHAINS);
      s7.intoArray(chains, lane + 7 * CHAINS);
    }
  }

  /** The chains of one product in 8 bits. */
  static void dot(float[] a, int aFrom, byte[] b, int from, int count, float[] chains) {
    for (int lane = 0; lane < CHAINS; lane += LANES) {
      FloatVector sum = zero();
      int exponent = from + count;
      for (int i = lane; i < count; i += CHAINS) {
        sum = load(a, aFrom + i).fma(wide(b, from + i, exponent++), sum);
      }
      sum.intoArray(chains, lane);
    }
  }

  /** A vector of integers that share an exponent. */
  private static FloatVector wide(byte[] integers, int at, int exponent) {
    FloatVector wide =
        (FloatVector)
            ByteVector.fromArray(BYTES, integers, at).convertShape(VectorOperators.B2F, FLOATS, 0);
    return wide.mul(Int8Pair.scale(integers[exponent] & 0xff));
  }
}
