package dev.questspark.engine.ops.cpu.simd;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.KvGeometry;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/** {@link SimdOps} without the Vector API, in forms that keep several multiply-adds in flight. */
public final class ScalarOps implements SimdOps {
  private final float[] chains = new float[CHAINS];

  @Override
  public String describe() {
    return "plain Java";
  }

  @Override
  public void widen(short[] bits, int from, float[] target, int at, int count) {
    for (int i = 0; i < count; i++) {
      target[at + i] = DType.bf16ToFloat(bits[from + i]);
    }
  }

  @Override
  public void widen(byte[] integers, int from, int exponents, float[] target, int at, int count) {
    for (int i = 0; i < count; i++) {
      int exponent = integers[exponents + i / KvGeometry.SCALE_CHANNELS] & 0xff;
      target[at + i] = integers[from + i] * Int8Pair.scale(exponent);
    }
  }

  @Override
  public void round(float[] from, int at, short[] bits, int target, int count) {
    for (int i = 0; i < count; i++) {
      bits[target + i] = DType.floatToBf16(from[at + i]);
    }
  }

  @Override
  public void copyRows(
      float[] from, int at, int stride, float[] to, int target, int toStride, int rows, int count) {
    for (int row = 0; row < rows; row++) {
      System.arraycopy(from, at + row * stride, to, target + row * toStride, count);
    }
  }

  @Override
  public void copyRows(
      short[] from, int at, int stride, short[] to, int target, int toStride, int rows, int count) {
    for (int row = 0; row < rows; row++) {
      System.arraycopy(from, at + row * stride, to, target + row * toStride, count);
    }
  }

  @Override
  public float dot(float[] a, int aFrom, float[] b, int bFrom, int count) {
    Arrays.fill(chains, 0f);
    int i = 0;
    for (; i <= count - CHAINS; i += CHAINS) {
      for (int j = 0; j < CHAINS; j++) {
        chains[j] = Math.fma(a[aFrom + i + j], b[bFrom + i + j], chains[j]);
      }
    }
    for (; i < count; i++) {
      chains[i % CHAINS] = Math.fma(a[aFrom + i], b[bFrom + i], chains[i % CHAINS]);
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
    for (int r = 0; r < rows; r++) {
      for (int i = 0; i < others; i++) {
        out[at + r * stride + i] = dot(a, aFrom + r * count, b, i * count, count);
      }
    }
  }

  @Override
  public void dots(
      float[] out, int at, float[] a, int aFrom, byte[] b, int[] from, int others, int count) {
    for (int i = 0; i < others; i++) {
      Arrays.fill(chains, 0f);
      for (int e = 0; e < count; e += CHAINS) { // as many as share an exponent
        float scale = Int8Pair.scale(b[from[i] + count + e / CHAINS] & 0xff);
        for (int j = 0; j < CHAINS; j++) {
          chains[j] = Math.fma(a[aFrom + e + j], b[from[i] + e + j] * scale, chains[j]);
        }
      }
      out[at + i] = SimdOps.addUp(chains, 0);
    }
  }

  @Override
  public void order(float[] x, int from, int[] keys, int at, int count) {
    for (int i = 0; i < count; i++) {
      keys[at + i] = ScalarMath.order(x[from + i]);
    }
  }

  @Override
  public float max(float[] x, int from, int count) {
    float largest = x[from];
    for (int i = 1; i < count; i++) {
      largest = Math.max(largest, x[from + i]);
    }
    return largest;
  }

  @Override
  public float exponentiate(float[] x, int from, int count, float largest) {
    Arrays.fill(chains, 0f);
    for (int i = 0; i < count; i++) {
      float e = ScalarMath.exp(x[from + i] - largest);
      x[from + i] = e;
      chains[i % CHAINS] += e;
    }
    return SimdOps.addUp(chains, 0);
  }

  @Override
  public float exponentiate(
      float[] x, int from, int count, float largest, short[] bits, int target) {
    Arrays.fill(chains, 0f);
    float shift = -largest * ScalarMath.LOG2_E;
    for (int i = 0; i < count; i++) {
      float e = ScalarMath.exp2(Math.fma(x[from + i], ScalarMath.LOG2_E, shift));
      bits[target + i] = ScalarMath.nearestBf16(e);
      chains[i % CHAINS] += e;
    }
    return SimdOps.addUp(chains, 0);
  }

  @Override
  public void siluMul(float[] to, int target, float[] from, int gate, int up, int count) {
    for (int i = 0; i < count; i++) {
      float g = from[gate + i];
      to[target + i] = g / (1f + ScalarMath.exp(-g)) * from[up + i];
    }
  }

  @Override
  public Object viewOfPairs(ByteBuffer pairs) {
    return pairs.duplicate().order(ByteOrder.LITTLE_ENDIAN);
  }

  @Override
  public void addPairs(float[] sums, float[] x, Object pairs, int strip, int other, int blocks) {
    for (int column = 0; column < 2 * STRIP; column++) {
      int at = column < STRIP ? strip : other;
      at += column % STRIP * Integer.BYTES;
      float sum = 0;
      for (int block = 0; block < blocks; block++) {
        float even = 0;
        float odd = 0;
        for (int k = block * 2 * PAIRS; k < (block + 1) * 2 * PAIRS; k += 2) {
          int both = ((ByteBuffer) pairs).getInt(at);
          even = Math.fma(x[k], Float.intBitsToFloat(both << 16), even);
          odd = Math.fma(x[k + 1], Float.intBitsToFloat(both & 0xffff0000), odd);
          at += STRIP * Integer.BYTES;
        }
        sum += even + odd;
      }
      sums[column] = sum;
    }
  }

  @Override
  public float largestMagnitude(float[] x, int from, int count) {
    float largest = 0;
    for (int i = 0; i < count; i++) {
      largest = Math.max(largest, Math.abs(x[from + i]));
    }
    return largest;
  }

  @Override
  public void split(float[] x, int from, int count, float perUnit, byte[] digits) {
    for (int i = 0; i < count; i++) {
      int steps = FixedPoint16.steps(x[from + i], perUnit);
      digits[i] = FixedPoint16.high(steps);
      digits[count + i] = FixedPoint16.low(steps);
    }
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
    for (int i = 0; i < count; i++) {
      float high = sums[i] - excess[i];
      float low = sums[count + i] - excess[i];
      float steps = Math.fma(high, FixedPoint16.RADIX, low);
      out[at + i] = Math.fma(steps, scales[i] * step, biases[i]);
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
    for (int g = 0; g < heads; g++) {
      int q = query + g * headDim;
      int target = at + g * stride;
      int slot = 0;
      for (; slot <= slots - 4; slot += 4) {
        fourSlots(out, target + slot, queries, q, keys, key + slot, headDim, slots, scale);
      }
      for (; slot < slots; slot++) {
        out[target + slot] = scale * column(queries, q, keys, key + slot, headDim, slots);
      }
    }
  }

  private static void fourSlots(
      float[] out,
      int at,
      float[] queries,
      int query,
      float[] keys,
      int key,
      int headDim,
      int slots,
      float scale) {
    float even0 = 0, even1 = 0, even2 = 0, even3 = 0;
    float odd0 = 0, odd1 = 0, odd2 = 0, odd3 = 0;
    int c = 0;
    for (int k = key; c <= headDim - 2; c += 2, k += 2 * slots) {
      float q = queries[query + c];
      float r = queries[query + c + 1];
      even0 = Math.fma(q, keys[k], even0);
      even1 = Math.fma(q, keys[k + 1], even1);
      even2 = Math.fma(q, keys[k + 2], even2);
      even3 = Math.fma(q, keys[k + 3], even3);
      odd0 = Math.fma(r, keys[k + slots], odd0);
      odd1 = Math.fma(r, keys[k + slots + 1], odd1);
      odd2 = Math.fma(r, keys[k + slots + 2], odd2);
      odd3 = Math.fma(r, keys[k + slots + 3], odd3);
    }
    if (c < headDim) {
      float q = queries[query + c];
      int k = key + c * slots;
      even0 = Math.fma(q, keys[k], even0);
      even1 = Math.fma(q, keys[k + 1], even1);
      even2 = Math.fma(q, keys[k + 2], even2);
      even3 = Math.fma(q, keys[k + 3], even3);
    }
    out[at] = scale * (even0 + odd0);
    out[at + 1] = scale * (even1 + odd1);
    out[at + 2] = scale * (even2 + odd2);
    out[at + 3] = scale * (even3 + odd3);
  }

  /** The product of a query with one column of a (headDim, slots) page. */
  static float column(float[] queries, int query, float[] keys, int key, int headDim, int slots) {
    float even = 0;
    float odd = 0;
    int c = 0;
    for (; c <= headDim - 2; c += 2) {
      even = Math.fma(queries[query + c], keys[key + c * slots], even);
      odd = Math.fma(queries[query + c + 1], keys[key + (c + 1) * slots], odd);
    }
    if (c < headDim) {
      even = Math.fma(queries[query + c], keys[key + c * slots], even);
    }
    return even + odd;
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
    for (int g = 0; g < heads; g++) {
      int to = target + g * headDim;
      int w = weight + g * stride;
      int slot = first;
      for (; slot <= last - 4; slot += 4) {
        int from = value + slot * headDim;
        ScalarMath.axpy4(outs, to, weights, w + slot, values, from, headDim, headDim);
      }
      for (; slot < last; slot++) {
        ScalarMath.axpy(outs, to, weights[w + slot], values, value + slot * headDim, headDim);
      }
    }
  }
}
