package dev.questspark.engine.ops.cpu.simd;

import static dev.questspark.engine.ops.cpu.simd.VectorLanes.broadcast;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.load;
import static dev.questspark.engine.ops.cpu.simd.VectorLanes.zero;

import jdk.incubator.vector.FloatVector;

/**
 * The part of {@link VectorOps} that reads tiles of keys of eight slots with vectors of 16 floats:
 * such a vector holds two channels of a tile, an even one and the odd one after it, whose sums are
 * kept apart anyway.
 */
final class VectorTileOps {
  private static final int SLOTS = VectorHalves.LENGTH;

  private VectorTileOps() {}

  /**
   * {@link SimdOps#tileLogits} of a multiple of four tiles, of an even number of channels.
   *
   * @param pairs scratch, at least 16 * headDim + 128: two heads' channels, each as often as there
   *     are slots, and sums
   */
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
      int tiles,
      float scale,
      float[] pairs) {
    int floats = headDim * SLOTS;
    int g = 0;
    for (; g <= heads - 2; g += 2) {
      spread(queries, query + g * headDim, 2 * headDim, pairs);
      for (int tile = 0; tile < tiles; tile += 4) {
        int target = at + g * stride + tile * SLOTS;
        twoHeads(out, target, stride, pairs, keys, key + tile * floats, floats, scale);
      }
    }
    if (g < heads) {
      spread(queries, query + g * headDim, headDim, pairs);
      for (int tile = 0; tile < tiles; tile += 4) {
        int target = at + g * stride + tile * SLOTS;
        oneHead(out, target, pairs, keys, key + tile * floats, floats, scale);
      }
    }
  }

  private static void spread(float[] queries, int query, int channels, float[] pairs) {
    for (int c = 0; c < channels; c += 2) {
      VectorHalves.join(broadcast(queries[query + c]), broadcast(queries[query + c + 1]))
          .intoArray(pairs, c * SLOTS);
    }
  }

  private static void twoHeads(
      float[] out,
      int at,
      int stride,
      float[] pairs,
      float[] keys,
      int key,
      int floats,
      float scale) {
    FloatVector a0 = zero(), a1 = zero(), a2 = zero(), a3 = zero();
    FloatVector b0 = zero(), b1 = zero(), b2 = zero(), b3 = zero();
    int key1 = key + floats;
    int key2 = key1 + floats;
    int key3 = key2 + floats;
    for (int i = 0; i < floats; i += 2 * SLOTS) {
      FloatVector a = load(pairs, i);
      FloatVector b = load(pairs, floats + i);
      FloatVector k0 = load(keys, key + i);
      a0 = k0.fma(a, a0);
      b0 = k0.fma(b, b0);
      FloatVector k1 = load(keys, key1 + i);
      a1 = k1.fma(a, a1);
      b1 = k1.fma(b, b1);
      FloatVector k2 = load(keys, key2 + i);
      a2 = k2.fma(a, a2);
      b2 = k2.fma(b, b2);
      FloatVector k3 = load(keys, key3 + i);
      a3 = k3.fma(a, a3);
      b3 = k3.fma(b, b3);
    }
    int sums = 2 * floats;
    a0.intoArray(pairs, sums);
    a1.intoArray(pairs, sums + 2 * SLOTS);
    a2.intoArray(pairs, sums + 4 * SLOTS);
    a3.intoArray(pairs, sums + 6 * SLOTS);
    b0.intoArray(pairs, sums + 8 * SLOTS);
    b1.intoArray(pairs, sums + 10 * SLOTS);
    b2.intoArray(pairs, sums + 12 * SLOTS);
    b3.intoArray(pairs, sums + 14 * SLOTS);
    store(out, at, pairs, sums, scale);
    store(out, at + stride, pairs, sums + 8 * SLOTS, scale);
  }

  private static void oneHead(
      float[] out, int at, float[] pairs, float[] keys, int key, int floats, float scale) {
    FloatVector a0 = zero(), a1 = zero(), a2 = zero(), a3 = zero();
    int key1 = key + floats;
    int key2 = key1 + floats;
    int key3 = key2 + floats;
    for (int i = 0; i < floats; i += 2 * SLOTS) {
      FloatVector a = load(pairs, i);
      a0 = load(keys, key + i).fma(a, a0);
      a1 = load(keys, key1 + i).fma(a, a1);
      a2 = load(keys, key2 + i).fma(a, a2);
      a3 = load(keys, key3 + i).fma(a, a3);
    }
    int sums = 2 * floats;
    a0.intoArray(pairs, sums);
    a1.intoArray(pairs, sums + 2 * SLOTS);
    a2.intoArray(pairs, sums + 4 * SLOTS);
    a3.intoArray(pairs, sums + 6 * SLOTS);
    store(out, at, pairs, sums, scale);
  }

  /** scale * (even + odd) of four tiles, whose slots follow each other. */
  private static void store(float[] out, int at, float[] sums, int from, float scale) {
    for (int i = 0; i < 4 * SLOTS; i += 2 * SLOTS) {
      FloatVector a = load(sums, from + 2 * i);
      FloatVector b = load(sums, from + 2 * i + 2 * SLOTS);
      FloatVector even = VectorHalves.join(a, VectorHalves.swapped(b));
      FloatVector odd = VectorHalves.join(VectorHalves.swapped(a), b);
      even.add(odd).mul(scale).intoArray(out, at + i);
    }
  }
}
