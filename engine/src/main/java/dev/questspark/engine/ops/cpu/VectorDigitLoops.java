package dev.questspark.engine.ops.cpu;

import static dev.questspark.engine.ops.cpu.VectorLoops.LANES;
import static dev.questspark.engine.ops.cpu.VectorLoops.broadcast;
import static dev.questspark.engine.ops.cpu.VectorLoops.load;
import static dev.questspark.engine.ops.cpu.VectorLoops.zero;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** The loops of {@link VectorLoops} into and out of {@link Digits}. */
final class VectorDigitLoops {
  private VectorDigitLoops() {}

  /** {@link Loops#largestMagnitude}. */
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

  /** {@link Loops#split}. */
  static void split(float[] x, int from, int count, float perUnit, byte[] digits) {
    int zero = Float.floatToRawIntBits(FloatLoops.TO_INTEGER);
    int i = 0;
    for (; i <= count - LANES; i += LANES) {
      FloatVector shifted = load(x, from + i).mul(perUnit).add(FloatLoops.TO_INTEGER);
      IntVector steps = shifted.reinterpretAsInts().sub(zero);
      IntVector upper = steps.add(128).lanewise(VectorOperators.ASHR, 8);
      bytes(upper.add(Digits.ZERO)).intoArray(digits, i);
      bytes(steps.add(Digits.ZERO)).intoArray(digits, count + i);
    }
    for (; i < count; i++) {
      int steps = Digits.steps(x[from + i], perUnit);
      digits[i] = Digits.high(steps);
      digits[count + i] = Digits.low(steps);
    }
  }

  private static ByteVector bytes(IntVector integers) {
    return (ByteVector) integers.convertShape(VectorOperators.I2B, VectorLoops.BYTES, 0);
  }

  /** {@link Loops#combine}. */
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
      FloatVector steps = high.fma(broadcast(Digits.RADIX), low);
      FloatVector scale = load(scales, i).mul(step);
      steps.fma(scale, load(biases, i)).intoArray(out, at + i);
    }
    for (; i < count; i++) {
      float high = sums[i] - excess[i];
      float low = sums[count + i] - excess[i];
      float steps = Math.fma(high, Digits.RADIX, low);
      out[at + i] = Math.fma(steps, scales[i] * step, biases[i]);
    }
  }

  private static IntVector ints(int[] from, int at) {
    return IntVector.fromArray(VectorLoops.INTS, from, at);
  }

  private static FloatVector floats(IntVector integers) {
    return (FloatVector) integers.convertShape(VectorOperators.I2F, VectorLoops.FLOATS, 0);
  }
}
