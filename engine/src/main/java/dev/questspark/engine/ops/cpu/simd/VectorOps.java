package dev.questspark.engine.ops.cpu.simd;

import static dev.questspark.engine.ops.cpu.simd.VectorLanes.BYTES;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.FLOATS;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.INTS;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.LANES;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.SHORTS;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.broadcast;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.load;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.zero;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.KvGeometry;
import java.nio.ByteBuffer;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * {@link SimdOps} on the Vector API; with the other classes whose names begin with Vector the only
 * one that refers to its module. Lanes run over slots, channels or chains of one sum, never across
 * them, so that the width of a vector does not show in the bits.
 */
final class VectorOps implements SimdOps {
  private final float[] chains = new float[CHAINS];
  private final VectorDotOps manyDots = new VectorDotOps();
  private float[] pairs = new float[0];

  @Override
  public String describe() {
    return "Vector API, " + FLOATS.vectorBitSize() + " bits";
  }

  @Override
  public boolean worthwhile() {
    return FLOATS.length() == 8 || FLOATS.length() == CHAINS;
  }

  @Override
  public void widen(short[] bits, int from, float[] target, int at, int count) {
    int i = 0;
    for (; i <= count - LANES; i += LANES) {
      // The sign that the conversion spreads over the upper half is shifted out again.
      IntVector upper =
          (IntVector)
              ShortVector.fromArray(SHORTS, bits, from + i)
                  .convertShape(VectorOperators.S2I, INTS, 0);
      upper.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().intoArray(target, at + i);
    }
    for (; i < count; i++) {
      target[at + i] = Float.intBitsToFloat(bits[from + i] << 16);
    }
  }

  /** {@link DType#floatToBf16}, without its branch. */
  @Override
  public void round(float[] from, int at, short[] bits, int target, int count) {
    int i = 0;
    for (; i <= count - LANES; i += LANES) {
      FloatVector x = load(from, at + i);
      IntVector wide = x.reinterpretAsInts();
      IntVector upper = wide.lanewise(VectorOperators.LSHR, 16);
      IntVector rounded = wide.add(upper.and(1)).add(0x7fff).lanewise(VectorOperators.LSHR, 16);
      VectorMask<Integer> nan = x.compare(VectorOperators.NE, x).cast(INTS);
      ((ShortVector)
              rounded.blend(upper.or(0x40), nan).convertShape(VectorOperators.I2S, SHORTS, 0))
          .intoArray(bits, target + i);
    }
    for (; i < count; i++) {
      bits[target + i] = DType.floatToBf16(from[at + i]);
    }
  }

  @Override
  public void widen(byte[] integers, int from, int exponents, float[] target, int at, int count) {
    int i = 0;
    for (; i <= count - LANES; i += LANES) { // within one block: LANES divides its 16 channels
      int exponent = integers[exponents + i / KvGeometry.SCALE_CHANNELS] & 0xff;
      FloatVector wide =
          (FloatVector)
              ByteVector.fromArray(BYTES, integers, from + i)
                  .convertShape(VectorOperators.B2F, FLOATS, 0);
      wide.mul(Int8Pair.scale(exponent)).intoArray(target, at + i);
    }
    for (; i < count; i++) {
      int exponent = integers[exponents + i / KvGeometry.SCALE_CHANNELS] & 0xff;
      target[at + i] = integers[from + i] * Int8Pair.scale(exponent);
    }
  }

  /** Rows of a page are a vector or two: a call to copy each would cost more than the copy. */
  @Override
  public void copyRows(
      float[] from, int at, int stride, float[] to, int target, int toStride, int rows, int count) {
    int whole = count - count % LANES;
    for (int row = 0; row < rows; row++) {
      int source = at + row * stride;
      int copy = target + row * toStride;
      for (int i = 0; i < whole; i += LANES) {
        load(from, source + i).intoArray(to, copy + i);
      }
      for (int i = whole; i < count; i++) {
        to[copy + i] = from[source + i];
      }
    }
  }

  @Override
  public void copyRows(
      short[] from, int at, int stride, short[] to, int target, int toStride, int rows, int count) {
    int lanes = SHORTS.length();
    int whole = count - count % lanes;
    for (int row = 0; row < rows; row++) {
      int source = at + row * stride;
      int copy = target + row * toStride;
      for (int i = 0; i < whole; i += lanes) {
        ShortVector.fromArray(SHORTS, from, source + i).intoArray(to, copy + i);
      }
      for (int i = whole; i < count; i++) {
        to[copy + i] = from[source + i];
      }
    }
  }

  @Override
  public float dot(float[] a, int aFrom, float[] b, int bFrom, int count) {
    int whole = count - count % CHAINS;
    for (int lane = 0; lane < CHAINS; lane += LANES) {
      FloatVector sum = zero();
      for (int i = lane; i < whole; i += CHAINS) {
        sum = load(a, aFrom + i).fma(load(b, bFrom + i), sum);
      }
      sum.intoArray(chains, lane);
    }
    for (int i = whole; i < count; i++) {
      chains[i - whole] = Math.fma(a[aFrom + i], b[bFrom + i], chains[i - whole]);
    }
    return SimdOps.addUp(chains, 0);
  }

  @Override
  public void dots(
      float[] out,
      int at,
      int stride,
      float[] a,
      int aFrom,
      int rows,
      float[] b,
      int others,
      int count) {
    if (others >= VectorDotOps.LEAST && count % CHAINS == 0) {
      manyDots.dots(out, at, stride, a, aFrom, rows, b, others, count);
      return;
    }
    for (int r = 0; r < rows; r++) {
      for (int i = 0; i < others; i++) {
        out[at + r * stride + i] = dot(a, aFrom + r * count, b, i * count, count);
      }
    }
  }

  @Override
  public void dots(
      float[] out, int at, float[] a, int aFrom, byte[] b, int[] from, int others, int count) {
    if (others >= VectorDotOps.LEAST) {
      manyDots.dots(out, at, a, aFrom, b, from, others, count);
      return;
    }
    for (int i = 0; i < others; i++) {
      VectorDotOps.dot(a, aFrom, b, from[i], count, chains);
      out[at + i] = SimdOps.addUp(chains, 0);
    }
  }

  @Override
  public void order(float[] x, int from, int[] keys, int at, int count) {
    int i = 0;
    for (; i <= count - LANES; i += LANES) {
      FloatVector numbers = load(x, from + i).add(0f);
      IntVector bits = numbers.reinterpretAsInts();
      IntVector flipped = bits.lanewise(VectorOperators.ASHR, 31).lanewise(VectorOperators.LSHR, 1);
      VectorMask<Integer> nan = numbers.compare(VectorOperators.NE, numbers).cast(INTS);
      bits.lanewise(VectorOperators.XOR, flipped)
          .blend(Integer.MIN_VALUE, nan)
          .intoArray(keys, at + i);
    }
    for (; i < count; i++) {
      keys[at + i] = ScalarMath.order(x[from + i]);
    }
  }

  /** Positive floats are ordered as integers are, whose maximum is one instruction. */
  @Override
  public float max(float[] x, int from, int count) {
    int whole = count - count % (2 * LANES);
    IntVector a = IntVector.zero(INTS);
    IntVector b = a;
    for (int i = 0; i < whole; i += 2 * LANES) {
      a = a.max(load(x, from + i).reinterpretAsInts());
      b = b.max(load(x, from + i + LANES).reinterpretAsInts());
    }
    int bits = a.max(b).reduceLanes(VectorOperators.MAX);
    if (bits == 0) {
      return maxOfFloats(x, from, count);
    }
    float largest = Float.intBitsToFloat(bits);
    for (int i = whole; i < count; i++) {
      largest = x[from + i] > largest ? x[from + i] : largest;
    }
    return largest;
  }

  private static float maxOfFloats(float[] x, int from, int count) {
    float largest = x[from];
    int i = 0;
    if (count >= LANES) {
      FloatVector a = load(x, from);
      i = LANES;
      if (count >= 4 * LANES) { // four chains: one would wait for itself
        FloatVector b = load(x, from + LANES);
        FloatVector c = load(x, from + 2 * LANES);
        FloatVector d = load(x, from + 3 * LANES);
        for (i = 4 * LANES; i <= count - 4 * LANES; i += 4 * LANES) {
          a = larger(a, load(x, from + i));
          b = larger(b, load(x, from + i + LANES));
          c = larger(c, load(x, from + i + 2 * LANES));
          d = larger(d, load(x, from + i + 3 * LANES));
        }
        a = larger(larger(a, b), larger(c, d));
      }
      for (; i <= count - LANES; i += LANES) {
        a = larger(a, load(x, from + i));
      }
      largest = a.reduceLanes(VectorOperators.MAX);
    }
    for (; i < count; i++) {
      largest = x[from + i] > largest ? x[from + i] : largest;
    }
    return largest;
  }

  /** Fewer instructions than {@code a.max(b)}, which minds NaN and the zeros' signs. */
  private static FloatVector larger(FloatVector a, FloatVector b) {
    return a.blend(b, b.compare(VectorOperators.GT, a));
  }

  /**
   * {@link ScalarMath#exp} of numbers up to 0, written out although {@link #exp} has it: beyond 325
   * bytecodes the compiler does not inline a method into its callers. There it would run out of
   * nodes half-way, and what it then leaves as a call makes every vector an object: several times
   * slower, in some runs and not in others.
   */
  @Override
  public float exponentiate(float[] x, int from, int count, float largest) {
    int whole = count - count % CHAINS;
    for (int lane = 0; lane < CHAINS; lane += LANES) {
      FloatVector sum = zero();
      for (int i = lane; i < whole; i += CHAINS) {
        FloatVector y = load(x, from + i).sub(largest);
        FloatVector shifted = y.fma(broadcast(ScalarMath.LOG2_E), broadcast(ScalarMath.TO_INTEGER));
        FloatVector n = shifted.sub(ScalarMath.TO_INTEGER);
        FloatVector r = n.fma(broadcast(-0.693359375f), y);
        r = n.fma(broadcast(2.12194440e-4f), r);
        FloatVector p = r.fma(broadcast(1f / 5040), broadcast(1f / 720));
        p = p.fma(r, broadcast(1f / 120));
        p = p.fma(r, broadcast(1f / 24));
        p = p.fma(r, broadcast(1f / 6));
        p = p.fma(r, broadcast(0.5f));
        p = p.fma(r, broadcast(1f));
        p = p.fma(r, broadcast(1f));
        IntVector exponent =
            shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23).add(127 << 23);
        FloatVector e =
            p.mul(exponent.reinterpretAsFloats()).blend(0f, y.compare(VectorOperators.LT, -87f));
        e.intoArray(x, from + i);
        sum = sum.add(e);
      }
      sum.intoArray(chains, lane);
    }
    for (int i = whole; i < count; i++) {
      float e = ScalarMath.exp(x[from + i] - largest);
      x[from + i] = e;
      chains[i - whole] += e;
    }
    return SimdOps.addUp(chains, 0);
  }

  /** {@link ScalarMath#exp2}, written out for the same reason. */
  @Override
  public float exponentiate(
      float[] x, int from, int count, float largest, short[] bits, int target) {
    int whole = count - count % CHAINS;
    float shift = -largest * ScalarMath.LOG2_E;
    for (int lane = 0; lane < CHAINS; lane += LANES) {
      FloatVector sum = zero();
      for (int i = lane; i < whole; i += CHAINS) {
        FloatVector t = load(x, from + i).fma(broadcast(ScalarMath.LOG2_E), broadcast(shift));
        FloatVector shifted = t.add(ScalarMath.TO_INTEGER);
        FloatVector r = t.sub(shifted.sub(ScalarMath.TO_INTEGER));
        FloatVector p = r.fma(broadcast(ScalarMath.EXP2_4), broadcast(ScalarMath.EXP2_3));
        p = p.fma(r, broadcast(ScalarMath.EXP2_2));
        p = p.fma(r, broadcast(ScalarMath.EXP2_1));
        p = p.fma(r, broadcast(ScalarMath.EXP2_0));
        IntVector exponent = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
        FloatVector e = p.reinterpretAsInts().add(exponent).reinterpretAsFloats();
        e = e.blend(0f, t.compare(VectorOperators.LT, ScalarMath.LEAST_POWER));
        sum = sum.add(e);
        IntVector rounded = e.reinterpretAsInts().add(0x8000).lanewise(VectorOperators.LSHR, 16);
        ((ShortVector) rounded.convertShape(VectorOperators.I2S, SHORTS, 0))
            .intoArray(bits, target + i);
      }
      sum.intoArray(chains, lane);
    }
    for (int i = whole; i < count; i++) {
      float e = ScalarMath.exp2(Math.fma(x[from + i], ScalarMath.LOG2_E, shift));
      bits[target + i] = ScalarMath.nearestBf16(e);
      chains[i - whole] += e;
    }
    return SimdOps.addUp(chains, 0);
  }

  /** {@link ScalarMath#exp}, step by step. */
  private static FloatVector exp(FloatVector x) {
    FloatVector shifted = x.fma(broadcast(ScalarMath.LOG2_E), broadcast(ScalarMath.TO_INTEGER));
    FloatVector n = shifted.sub(ScalarMath.TO_INTEGER);
    FloatVector r = n.fma(broadcast(-0.693359375f), x);
    r = n.fma(broadcast(2.12194440e-4f), r);
    FloatVector p = r.fma(broadcast(1f / 5040), broadcast(1f / 720));
    p = p.fma(r, broadcast(1f / 120));
    p = p.fma(r, broadcast(1f / 24));
    p = p.fma(r, broadcast(1f / 6));
    p = p.fma(r, broadcast(0.5f));
    p = p.fma(r, broadcast(1f));
    p = p.fma(r, broadcast(1f));
    // The low bits of the shifted number are n: moved up they are the exponent, less its bias.
    IntVector exponent =
        shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23).add(127 << 23);
    return p.mul(exponent.reinterpretAsFloats())
        .blend(0f, x.compare(VectorOperators.LT, -87f))
        .blend(Float.POSITIVE_INFINITY, x.compare(VectorOperators.GT, 88f));
  }

  @Override
  public void siluMul(float[] to, int target, float[] from, int gate, int up, int count) {
    int i = 0;
    for (; i <= count - LANES; i += LANES) {
      FloatVector g = load(from, gate + i);
      g.div(exp(g.neg()).add(1f)).mul(load(from, up + i)).intoArray(to, target + i);
    }
    for (; i < count; i++) {
      float g = from[gate + i];
      to[target + i] = g / (1f + ScalarMath.exp(-g)) * from[up + i];
    }
  }

  @Override
  public Object viewOfPairs(ByteBuffer pairs) {
    return VectorPairOps.view(pairs);
  }

  @Override
  public void addPairs(float[] sums, float[] x, Object pairs, int strip, int other, int blocks) {
    VectorPairOps.addPairs(sums, x, pairs, strip, other, blocks);
  }

  @Override
  public float largestMagnitude(float[] x, int from, int count) {
    return VectorFixedPointOps.largestMagnitude(x, from, count);
  }

  @Override
  public void split(float[] x, int from, int count, float perUnit, byte[] digits) {
    VectorFixedPointOps.split(x, from, count, perUnit, digits);
  }

  @Override
  public void combine(
      int[] sums,
      int[] excess,
      int count,
      float step,
      float[] scales,
      float[] biases,
      float[] out,
      int at) {
    VectorFixedPointOps.combine(sums, excess, count, step, scales, biases, out, at);
  }

  @Override
  public void logits(
      float[] out,
      int at,
      int stride,
      float[] queries,
      int query,
      int heads,
      float[] keys,
      int key,
      int headDim,
      int slots,
      float scale) {
    VectorPageOps.logits(out, at, stride, queries, query, heads, keys, key, headDim, slots, scale);
  }

  @Override
  public void tileLogits(
      float[] out,
      int at,
      int stride,
      float[] queries,
      int query,
      int heads,
      float[] keys,
      int key,
      int headDim,
      int slots,
      int tiles,
      float scale) {
    int done = 0;
    if (LANES == CHAINS && slots == VectorHalves.LENGTH && headDim % 2 == 0) {
      done = tiles - tiles % 4;
      int floats = 2 * headDim * slots + 16 * slots;
      if (pairs.length < floats) {
        pairs = new float[floats];
      }
      VectorTileOps.logits(
          out, at, stride, queries, query, heads, keys, key, headDim, done, scale, pairs);
    }
    for (int tile = done; tile < tiles; tile++) {
      int from = key + tile * headDim * slots;
      logits(
          out, at + tile * slots, stride, queries, query, heads, keys, from, headDim, slots, scale);
    }
  }

  @Override
  public void addValues(
      float[] outs,
      int target,
      int heads,
      int headDim,
      float[] weights,
      int weight,
      int stride,
      float[] values,
      int value,
      int first,
      int last) {
    VectorPageOps.addValues(
        outs, target, heads, headDim, weights, weight, stride, values, value, first, last);
  }
}
