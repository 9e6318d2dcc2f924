package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.KvGeometry;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The loops on the Vector API; the only class that refers to its module. Lanes run over slots,
 * channels or chains of one sum, never across them, so that the width of a vector does not show in
 * the bits.
 */
final class VectorLoops implements Loops {
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
  private static final int LANES = Math.min(FLOATS.length(), CHAINS);
  private static final VectorSpecies<Integer> INTS =
      VectorSpecies.of(int.class, FLOATS.vectorShape());
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(
          short.class, VectorShape.forBitSize(Math.max(64, FLOATS.vectorBitSize() / 2)));

  private static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, 8 * LANES)));

  /** As many channels of a head's output stay in registers. */
  private static final int WIDE = 4 * LANES;

  private final float[] chains = new float[CHAINS];
  private final float[] four = new float[4 * CHAINS];

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

  private static FloatVector load(float[] from, int at) {
    return FloatVector.fromArray(FLOATS, from, at);
  }

  private static FloatVector zero() {
    return FloatVector.zero(FLOATS);
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
    return Loops.addUp(chains, 0);
  }

  @Override
  public void dots(float[] out, int heads, float[] a, int aFrom, float[] b, int bFrom, int count) {
    int g = 0;
    if (count % CHAINS == 0) {
      for (; g <= heads - 4; g += 4) {
        fourDots(out, g, a, aFrom, b, bFrom + g * count, count);
      }
    }
    for (; g < heads; g++) {
      out[g] = dot(a, aFrom, b, bFrom + g * count, count);
    }
  }

  private void fourDots(float[] out, int at, float[] a, int aFrom, float[] b, int b0, int count) {
    int b1 = b0 + count;
    int b2 = b1 + count;
    int b3 = b2 + count;
    for (int lane = 0; lane < CHAINS; lane += LANES) {
      FloatVector s0 = zero(), s1 = zero(), s2 = zero(), s3 = zero();
      for (int i = lane; i < count; i += CHAINS) {
        FloatVector x = load(a, aFrom + i);
        s0 = x.fma(load(b, b0 + i), s0);
        s1 = x.fma(load(b, b1 + i), s1);
        s2 = x.fma(load(b, b2 + i), s2);
        s3 = x.fma(load(b, b3 + i), s3);
      }
      s0.intoArray(four, lane);
      s1.intoArray(four, CHAINS + lane);
      s2.intoArray(four, 2 * CHAINS + lane);
      s3.intoArray(four, 3 * CHAINS + lane);
    }
    for (int g = 0; g < 4; g++) {
      out[at + g] = Loops.addUp(four, g * CHAINS);
    }
  }

  @Override
  public float max(float[] x, int from, int count) {
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
   * {@link FloatLoops#exp} of numbers up to 0, written out although {@link #exp} has it: beyond 325
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
        FloatVector shifted = y.fma(broadcast(1.44269504f), broadcast(12582912f));
        FloatVector n = shifted.sub(12582912f);
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
      float e = FloatLoops.exp(x[from + i] - largest);
      x[from + i] = e;
      chains[i - whole] += e;
    }
    return Loops.addUp(chains, 0);
  }

  /** {@link FloatLoops#exp}, step by step. */
  private static FloatVector exp(FloatVector x) {
    FloatVector shifted = x.fma(broadcast(1.44269504f), broadcast(12582912f));
    FloatVector n = shifted.sub(12582912f);
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

  private static FloatVector broadcast(float value) {
    return FloatVector.broadcast(FLOATS, value);
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
      to[target + i] = g / (1f + FloatLoops.exp(-g)) * from[up + i];
    }
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
    int slot = 0;
    for (; slot <= slots - LANES; slot += LANES) {
      int g = 0;
      for (; g <= heads - 4; g += 4) {
        int target = at + g * stride + slot;
        int q = query + g * headDim;
        fourHeads(out, target, stride, queries, q, keys, key + slot, headDim, slots, scale);
      }
      for (; g < heads; g++) {
        int target = at + g * stride + slot;
        int q = query + g * headDim;
        oneHead(out, target, queries, q, keys, key + slot, headDim, slots, scale);
      }
    }
    for (; slot < slots; slot++) {
      for (int g = 0; g < heads; g++) {
        int q = query + g * headDim;
        out[at + g * stride + slot] =
            scale * PlainLoops.column(queries, q, keys, key + slot, headDim, slots);
      }
    }
  }

  private static void fourHeads(
      float[] out,
      int at,
      int stride,
      float[] queries,
      int query,
      float[] keys,
      int key,
      int headDim,
      int slots,
      float scale) {
    FloatVector even0 = zero(), even1 = zero(), even2 = zero(), even3 = zero();
    FloatVector odd0 = zero(), odd1 = zero(), odd2 = zero(), odd3 = zero();
    int q1 = query + headDim;
    int q2 = q1 + headDim;
    int q3 = q2 + headDim;
    int c = 0;
    for (; c <= headDim - 2; c += 2) {
      FloatVector even = load(keys, key + c * slots);
      even0 = even.fma(broadcast(queries[query + c]), even0);
      even1 = even.fma(broadcast(queries[q1 + c]), even1);
      even2 = even.fma(broadcast(queries[q2 + c]), even2);
      even3 = even.fma(broadcast(queries[q3 + c]), even3);
      FloatVector odd = load(keys, key + (c + 1) * slots);
      odd0 = odd.fma(broadcast(queries[query + c + 1]), odd0);
      odd1 = odd.fma(broadcast(queries[q1 + c + 1]), odd1);
      odd2 = odd.fma(broadcast(queries[q2 + c + 1]), odd2);
      odd3 = odd.fma(broadcast(queries[q3 + c + 1]), odd3);
    }
    if (c < headDim) {
      FloatVector even = load(keys, key + c * slots);
      even0 = even.fma(broadcast(queries[query + c]), even0);
      even1 = even.fma(broadcast(queries[q1 + c]), even1);
      even2 = even.fma(broadcast(queries[q2 + c]), even2);
      even3 = even.fma(broadcast(queries[q3 + c]), even3);
    }
    even0.add(odd0).mul(scale).intoArray(out, at);
    even1.add(odd1).mul(scale).intoArray(out, at + stride);
    even2.add(odd2).mul(scale).intoArray(out, at + 2 * stride);
    even3.add(odd3).mul(scale).intoArray(out, at + 3 * stride);
  }

  private static void oneHead(
      float[] out,
      int at,
      float[] queries,
      int query,
      float[] keys,
      int key,
      int headDim,
      int slots,
      float scale) {
    FloatVector even = zero();
    FloatVector odd = zero();
    int c = 0;
    for (; c <= headDim - 2; c += 2) {
      even = load(keys, key + c * slots).fma(broadcast(queries[query + c]), even);
      odd = load(keys, key + (c + 1) * slots).fma(broadcast(queries[query + c + 1]), odd);
    }
    if (c < headDim) {
      even = load(keys, key + c * slots).fma(broadcast(queries[query + c]), even);
    }
    even.add(odd).mul(scale).intoArray(out, at);
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
    int channel = 0;
    for (; channel <= headDim - WIDE; channel += WIDE) {
      int g = 0;
      for (; g <= heads - 2; g += 2) {
        int to = target + g * headDim + channel;
        int w = weight + g * stride;
        int v = value + channel;
        wideTwoHeads(outs, to, headDim, weights, w, stride, values, v, first, last);
      }
      if (g < heads) {
        int to = target + g * headDim + channel;
        wide(outs, to, headDim, weights, weight + g * stride, values, value + channel, first, last);
      }
    }
    for (; channel <= headDim - LANES; channel += LANES) {
      for (int g = 0; g < heads; g++) {
        int to = target + g * headDim + channel;
        int w = weight + g * stride;
        FloatVector sum = load(outs, to);
        for (int slot = first; slot < last; slot++) {
          FloatVector v = load(values, value + slot * headDim + channel);
          sum = v.fma(broadcast(weights[w + slot]), sum);
        }
        sum.intoArray(outs, to);
      }
    }
    if (channel < headDim) {
      for (int g = 0; g < heads; g++) {
        int to = target + g * headDim + channel;
        for (int slot = first; slot < last; slot++) {
          float w = weights[weight + g * stride + slot];
          int v = value + slot * headDim + channel;
          FloatLoops.axpy(outs, to, w, values, v, headDim - channel);
        }
      }
    }
  }

  private static void wideTwoHeads(
      float[] outs,
      int to,
      int headDim,
      float[] weights,
      int weight,
      int stride,
      float[] values,
      int value,
      int first,
      int last) {
    int other = to + headDim;
    FloatVector a0 = load(outs, to);
    FloatVector a1 = load(outs, to + LANES);
    FloatVector a2 = load(outs, to + 2 * LANES);
    FloatVector a3 = load(outs, to + 3 * LANES);
    FloatVector b0 = load(outs, other);
    FloatVector b1 = load(outs, other + LANES);
    FloatVector b2 = load(outs, other + 2 * LANES);
    FloatVector b3 = load(outs, other + 3 * LANES);
    for (int slot = first; slot < last; slot++) {
      int v = value + slot * headDim;
      FloatVector a = broadcast(weights[weight + slot]);
      FloatVector b = broadcast(weights[weight + stride + slot]);
      FloatVector v0 = load(values, v);
      a0 = v0.fma(a, a0);
      b0 = v0.fma(b, b0);
      FloatVector v1 = load(values, v + LANES);
      a1 = v1.fma(a, a1);
      b1 = v1.fma(b, b1);
      FloatVector v2 = load(values, v + 2 * LANES);
      a2 = v2.fma(a, a2);
      b2 = v2.fma(b, b2);
      FloatVector v3 = load(values, v + 3 * LANES);
      a3 = v3.fma(a, a3);
      b3 = v3.fma(b, b3);
    }
    a0.intoArray(outs, to);
    a1.intoArray(outs, to + LANES);
    a2.intoArray(outs, to + 2 * LANES);
    a3.intoArray(outs, to + 3 * LANES);
    b0.intoArray(outs, other);
    b1.intoArray(outs, other + LANES);
    b2.intoArray(outs, other + 2 * LANES);
    b3.intoArray(outs, other + 3 * LANES);
  }

  private static void wide(
      float[] outs,
      int to,
      int headDim,
      float[] weights,
      int weight,
      float[] values,
      int value,
      int first,
      int last) {
    FloatVector a0 = load(outs, to);
    FloatVector a1 = load(outs, to + LANES);
    FloatVector a2 = load(outs, to + 2 * LANES);
    FloatVector a3 = load(outs, to + 3 * LANES);
    for (int slot = first; slot < last; slot++) {
      int v = value + slot * headDim;
      FloatVector a = broadcast(weights[weight + slot]);
      a0 = load(values, v).fma(a, a0);
      a1 = load(values, v + LANES).fma(a, a1);
      a2 = load(values, v + 2 * LANES).fma(a, a2);
      a3 = load(values, v + 3 * LANES).fma(a, a3);
    }
    a0.intoArray(outs, to);
    a1.intoArray(outs, to + LANES);
    a2.intoArray(outs, to + 2 * LANES);
    a3.intoArray(outs, to + 3 * LANES);
  }
}
