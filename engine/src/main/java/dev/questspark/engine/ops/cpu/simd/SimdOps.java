package dev.questspark.engine.ops.cpu.simd;

import dev.questspark.engine.ops.DType;
import java.nio.ByteBuffer;

/**
 * The operations that are worth vector instructions, in two forms with the same bits: plain Java,
 * and the Vector API where the virtual machine has the module. Every sum runs in one order that
 * both can keep, named at each method. One object per worker: it owns a little scratch memory.
 */
public interface SimdOps {
  /** Independent chains of a long sum: element i belongs to chain i mod 16. */
  int CHAINS = 16;

  /** Pairs of a block in {@link #addPairs}. */
  int PAIRS = 16;

  /** Columns of a strip in {@link #addPairs}. */
  int STRIP = 32;

  /** What computes, for {@code describe()} and the log. */
  String describe();

  /** Whether the processor's vectors are wide enough to gain anything. */
  default boolean worthwhile() {
    return true;
  }

  /** Widens {@code count} bf16 bit patterns to float; exact. */
  void widen(short[] bits, int from, float[] target, int at, int count);

  /**
   * Widens {@code count} 8-bit integers to float and scales them, exactly: element i by the power
   * of two that byte {@code exponents + i / 16} of the same array stores ({@link Int8Pair}).
   */
  void widen(byte[] integers, int from, int exponents, float[] target, int at, int count);

  /** Rounds {@code count} floats to bf16 bit patterns: {@link DType#floatToBf16}. */
  void round(float[] from, int at, short[] bits, int target, int count);

  /**
   * Pairs of bf16 weights outside the Java heap, as {@link #addPairs} reads them; does not keep the
   * memory alive.
   *
   * @return null if this form cannot read such memory, or not whole strips
   */
  Object viewOfPairs(ByteBuffer pairs);

  /**
   * Products of a row with two strips of {@link #STRIP} columns each, added up as AMX's TDPBF16PS
   * adds them: in blocks of {@link #PAIRS} pairs, even and odd elements apart, each with fused
   * multiply-adds in order, then the even ones' sum plus the odd ones' to the column's. (The
   * instruction takes numbers below 2^-126 for zeros, this does not.)
   *
   * @param sums of the columns of both strips; what stood there does not matter
   * @param x floats, 2 PAIRS per block
   * @param pairs a view of (blocks * PAIRS, STRIP, 2) weights per strip
   * @param strip the byte at which the first strip begins
   * @param other the byte at which the second strip begins, which may be the first
   */
  void addPairs(float[] sums, float[] x, Object pairs, int strip, int other, int blocks);

  /** The largest magnitude of {@code count} numbers; NaN if any is NaN. */
  float largestMagnitude(float[] x, int from, int count);

  /**
   * Splits {@code count} numbers into their {@link FixedPoint16}: all high ones, then all low ones.
   */
  void split(float[] x, int from, int count, float perUnit, byte[] digits);

  /**
   * One row of a product of {@link FixedPoint16}, as floats: out[n] = (256 * high sum + low sum) *
   * scales[n] * step + biases[n].
   *
   * @param sums N sums of stored high digits, then N of low ones
   * @param excess what sum n of stored digits is too large by
   */
  void combine(
      int[] sums,
      int[] excess,
      int count,
      float step,
      float[] scales,
      float[] biases,
      float[] out,
      int at);

  /** Copies {@code rows} rows of {@code count} floats each from one matrix to another. */
  void copyRows(
      float[] from, int at, int stride, float[] to, int target, int toStride, int rows, int count);

  /** The same of bf16 bit patterns. */
  void copyRows(
      short[] from, int at, int stride, short[] to, int target, int toStride, int rows, int count);

  /** Sum of a[i] * b[i]: {@link #CHAINS} chains of fused multiply-adds, added up by halves. */
  float dot(float[] a, int aFrom, float[] b, int bFrom, int count);

  /**
   * The {@link #dot} of each of {@code rows} vectors with each of {@code others}, which both stand
   * back to back: out[at + r * stride + i] = a[r] . b[i].
   *
   * @param b from its beginning on
   * @param count elements of every vector
   */
  void dots(
      float[] out,
      int at,
      int stride,
      float[] a,
      int aFrom,
      int rows,
      float[] b,
      int others,
      int count);

  /**
   * The {@link #dot} of one vector with each of {@code others} in 8 bits, as {@link #widen(byte[],
   * int, int, float[], int, int)} would make floats of them: out[at + i] = a . b[i].
   *
   * @param from where each of the others begins: its integers, and its exponents behind them
   * @param count elements of every vector, a multiple of 16
   */
  void dots(float[] out, int at, float[] a, int aFrom, byte[] b, int[] from, int others, int count);

  /** Integers that order like {@code count} numbers: NaN below all others, zeros equal. */
  void order(float[] x, int from, int[] keys, int at, int count);

  /** The largest of {@code count} numbers, at least one; if any is NaN, some number or NaN. */
  float max(float[] x, int from, int count);

  /**
   * x = exp(x - largest), which must be at least every x.
   *
   * @return the sum of the results, in {@link #CHAINS} chains, added up by halves
   */
  float exponentiate(float[] x, int from, int count, float largest);

  /**
   * As above with results in bf16, rounded to the nearest, ties up: {@code bits} = exp(x -
   * largest). Before they are rounded they are off by less than 4e-6 of themselves, times 1 +
   * |largest| / 20; 0 below exp(-86).
   *
   * @return the sum of the results before they are rounded, in the same order
   */
  float exponentiate(float[] x, int from, int count, float largest, short[] bits, int target);

  /** to = gate / (1 + exp(-gate)) * up. */
  void siluMul(float[] to, int target, float[] from, int gate, int up, int count);

  /**
   * Logits of one page for the query heads of a group: out[g, s] = scale * sum over channels of
   * q[g, c] * k[c, s], over even and odd channels apart, each in order. All slots are computed; a
   * slot without a key cannot disturb another.
   *
   * @param out {@code stride} floats per head from {@code at} on
   * @param query (heads, headDim), back to back
   * @param keys (headDim, slots), from {@code key} on
   */
  void logits(
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
      float scale);

  /**
   * The {@link #logits} of several tiles of (headDim, slots), which stand back to back from {@code
   * key} on.
   */
  default void tileLogits(
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
    for (int tile = 0; tile < tiles; tile++) {
      int from = key + tile * headDim * slots;
      logits(
          out, at + tile * slots, stride, queries, query, heads, keys, from, headDim, slots, scale);
    }
  }

  /**
   * out[g, c] += sum of w[g, s] * v[s, c] over slots [first, last), in order.
   *
   * @param outs (heads, headDim), back to back from {@code target} on
   * @param weights {@code stride} floats per head; slot 0 of head 0 at {@code weight}
   * @param values (slots, headDim), slot 0 at {@code value}
   */
  void addValues(
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
      int last);

  /** Adds the chains of a long sum: the upper half to the lower, until one is left. */
  static float addUp(float[] x, int at) {
    float a = (x[at] + x[at + 8]) + (x[at + 4] + x[at + 12]);
    float b = (x[at + 2] + x[at + 10]) + (x[at + 6] + x[at + 14]);
    float c = (x[at + 1] + x[at + 9]) + (x[at + 5] + x[at + 13]);
    float d = (x[at + 3] + x[at + 11]) + (x[at + 7] + x[at + 15]);
    return (a + b) + (c + d);
  }
}
