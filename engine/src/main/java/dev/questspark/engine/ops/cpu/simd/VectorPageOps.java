package dev.questspark.engine.ops.cpu.simd;

import static dev.questspark.engine.ops.cpu.simd.VectorLanes.LANES;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.broadcast;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.load;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.zero;

import jdk.incubator.vector.FloatVector;

/** The part of {@link VectorOps} that reads one page's keys or values. */
final class VectorPageOps {
  /** As many channels of a head's output stay in registers. */
  private static final int WIDE = 4 * LANES;

  private VectorPageOps() {}

  /** {@link SimdOps#logits}. */
  static void logits(
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
            scale * ScalarOps.column(queries, q, keys, key + slot, headDim, slots);
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

  /** {@link SimdOps#addValues}. */
  static void addValues(
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
          ScalarMath.axpy(outs, to, w, values, v, headDim - channel);
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
