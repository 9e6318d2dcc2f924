package dev.questspark.engine.ops.cpu.simd;

import static dev.questspark.engine.ops.cpu.simd.VectorLanes.FLOATS;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.LANES;

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

  /** {@link SimdOps#addUp} of four vectors of chains: sums 0, 2, 1, 3 at 0, 4, 8, 12. */
  static void addUp(FloatVector s0, FloatVector s1, FloatVector s2, FloatVector s3, float[] sums) {
    FloatVector a = join(s0.add(swapped(s0)), s1.add(swapped(s1)));
    FloatVector b = join(s2.add(swapped(s2)), s3.add(swapped(s3)));
    FloatVector x = a.add(a.rearrange(BY_4)).blend(b.add(b.rearrange(BY_4)), UPPER_4);
    FloatVector y = x.add(x.rearrange(BY_2));
    y.add(y.rearrange(BY_1)).intoArray(sums, 0);
  }
}
