package dev.questspark.engine.ops.cpu.simd;

import static dev.questspark.engine.ops.cpu.simd.VectorLanes.FLOATS;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.LANES;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.load;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;

/**
 * Halves of vectors of 16 floats. Vectors of 8 would be shorter to write, but with two widths in
 * one process the compiler no longer knows which one it has, and all of them become objects.
 */
final class VectorHalves {
  /** Floats of a half. */
  static final int LENGTH = 8;

  private static final VectorShuffle<Float> BY_8 = swap(8);
  private static final VectorShuffle<Float> BY_4 = swap(4);
  private static final VectorShuffle<Float> BY_2 = swap(2);
  private static final VectorShuffle<Float> BY_1 = swap(1);
  private static final VectorMask<Float> UPPER_8 = upper(8);
  private static final VectorMask<Float> UPPER_4 = upper(4);
  private static final VectorMask<Float> UPPER_2 = upper(2);

  private VectorHalves() {}

  private static VectorShuffle<Float> swap(int distance) {
    return VectorShuffle.fromOp(FLOATS, i -> (i ^ distance) % LANES);
  }

  /** The upper halves of all runs of twice as many lanes. */
  private static VectorMask<Float> upper(int half) {
    boolean[] lanes = new boolean[FLOATS.length()];
    for (int i = 0; i < lanes.length; i++) {
      lanes[i] = i / half % 2 == 1;
    }
    return VectorMask.fromArray(FLOATS, lanes, 0);
  }

  /** The lower half of a, then the upper half of b. */
  static FloatVector join(FloatVector a, FloatVector b) {
    return a.blend(b, UPPER_8);
  }

  /** The halves in the other order. */
  static FloatVector swapped(FloatVector a) {
    return a.rearrange(BY_8);
  }

  /**
   * {@link SimdOps#addUp} of eight vectors of chains, which stand back to back at the beginning of
   * {@code chains}. At each level, the halves of two vectors' runs are added up together. Written
   * out, so that the compiler does not inline it; see {@link VectorDotOps}.
   *
   * @param sums scratch, at least 16
   * @param at where the first four sums go
   * @param next where the others go
   */
  static void addUp(float[] chains, float[] sums, float[] out, int at, int next) {
    FloatVector s0 = load(chains, 0);
    FloatVector s1 = load(chains, 16);
    FloatVector s2 = load(chains, 32);
    FloatVector s3 = load(chains, 48);
    FloatVector s4 = load(chains, 64);
    FloatVector s5 = load(chains, 80);
    FloatVector s6 = load(chains, 96);
    FloatVector s7 = load(chains, 112);
    FloatVector s04 = s0.blend(s4, UPPER_8).add(s4.blend(s0, UPPER_8).rearrange(BY_8));
    FloatVector s15 = s1.blend(s5, UPPER_8).add(s5.blend(s1, UPPER_8).rearrange(BY_8));
    FloatVector s26 = s2.blend(s6, UPPER_8).add(s6.blend(s2, UPPER_8).rearrange(BY_8));
    FloatVector s37 = s3.blend(s7, UPPER_8).add(s7.blend(s3, UPPER_8).rearrange(BY_8));
    FloatVector even = s04.blend(s26, UPPER_4).add(s26.blend(s04, UPPER_4).rearrange(BY_4));
    FloatVector odd = s15.blend(s37, UPPER_4).add(s37.blend(s15, UPPER_4).rearrange(BY_4));
    FloatVector all = even.blend(odd, UPPER_2).add(odd.blend(even, UPPER_2).rearrange(BY_2));
    all.add(all.rearrange(BY_1)).intoArray(sums, 0);
    out[at] = sums[0];
    out[at + 1] = sums[2];
    out[at + 2] = sums[4];
    out[at + 3] = sums[6];
    out[next] = sums[8];
    out[next + 1] = sums[10];
    out[next + 2] = sums[12];
    out[next + 3] = sums[14];
  }
}
