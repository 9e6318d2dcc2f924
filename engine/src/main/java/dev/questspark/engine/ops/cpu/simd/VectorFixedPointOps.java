package dev.questspark.engine.ops.cpu.simd;

import static dev.questspark.engine.ops.cpu.simd.VectorLanes.BYTES;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.FLOATS;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.INTS;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.LANES;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.broadcast;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.load;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.zero;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** The part of {@link VectorOps} that goes into and out of {@link FixedPoint16}. */
final class VectorFixedPointOps {
  private VectorFixedPointOps() {}

  /** {@link SimdOps#largestMagnitude}. */
  static float largestMagnitude(float[] x, int from, int count) {
    FloatVector most = zero();
    int i = 0;
    for (; i <= count - LANES; i += LANES) {
      most = most.max(load(x, from + i).abs());
    }
    float largest = most.reduceLanes(VectorOperators.MAX);
    for (; i < count; i++) {
      largest = Math.max(largest, Math.abs(x[from + i]));
    }
    return largest;
  }

  /** {@link SimdOps#split}. */
  static void split(float[] x, int from, int count, float perUnit, byte[] digits) {
    int zero = Float.floatToRawIntBits(ScalarMath.TO_INTEGER);
    int i = 0;
    for (; i <= count - LANES; i += LANES) {
      FloatVector shifted = load(x, from + i).mul(perUnit).add(ScalarMath.TO_INTEGER);
      IntVector steps = shifted.reinterpretAsInts().sub(zero);
      IntVector upper = steps.add(128).lanewise(VectorOperators.ASHR, 8);
      bytes(upper.add(FixedPoint16.ZERO)).intoArray(digits, i);
      bytes(steps.add(FixedPoint16.ZERO)).intoArray(digits, count + i);
    }
    for (; i < count; i++) {
      int steps = FixedPoint16.steps(x[from + i], perUnit);
      digits[i] = FixedPoint16.high(steps);
      digits[count + i] = FixedPoint16.low(steps);
    }
  }

  private static ByteVector bytes(IntVector integers) {
    return (ByteVector) integers.convertShape(VectorOperators.I2B, BYTES, 0);
  }

  /** {@link SimdOps#combine}. */
  static void combine(
      int[] sums,
      int[] excess,
      int count,
      float step,
      float[] scales,
      float[] biases,
      float[] out,
      int at) {
    int i = 0;
    for (; i <= count - LANES; i += LANES) {
      IntVector tooMuch = ints(excess, i);
      FloatVector high = floats(ints(sums, i).sub(tooMuch));
      FloatVector low = floats(ints(sums, count + i).sub(tooMuch));
      FloatVector steps = high.fma(broadcast(FixedPoint16.RADIX), low);
      FloatVector scale = load(scales, i).mul(step);
      steps.fma(scale, load(biases, i)).intoArray(out, at + i);
    }
    for (; i < count; i++) {
      float high = sums[i] - excess[i];
      float low = sums[count + i] - excess[i];
      float steps = Math.fma(high, FixedPoint16.RADIX, low);
      out[at + i] = Math.fma(steps, scales[i] * step, biases[i]);
    }
  }

  private static IntVector ints(int[] from, int at) {
    return IntVector.fromArray(INTS, from, at);
  }

  private static FloatVector floats(IntVector integers) {
    return (FloatVector) integers.convertShape(VectorOperators.I2F, FLOATS, 0);
  }
}
