package dev.questspark.engine.ops.cpu.simd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.questspark.engine.ops.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The Vector API gives the bits of plain Java, at every awkward length. */
class SimdOpsTest {
  private final Random random = new Random(3);
  private final SimdOps plain = new ScalarOps();
  private final SimdOps vector = new VectorOps();

  @ParameterizedTest
  @ValueSource(ints = {1, 4, 7, 8, 13, 15, 16, 17, 31, 33, 64, 96, 127, 207, 4098})
  void longLoops(int count) {
    float[] a = numbers(count + 3);
    float[] b = numbers(count + 5);
    assertBits(vector.dot(a, 3, b, 5, count), plain.dot(a, 3, b, 5, count));
    assertBits(vector.max(a, 3, count), plain.max(a, 3, count));
    a[3 + count / 2] = 100;
    a[3 + count / 3] = Float.NEGATIVE_INFINITY;
    float[] x = a.clone();
    float[] y = a.clone();
    assertBits(vector.exponentiate(x, 3, count, 100), plain.exponentiate(y, 3, count, 100));
    assertThat(x).isEqualTo(y);
    a[3 + random.nextInt(count)] = Float.NaN;
    assertThat(vector.exponentiate(a, 3, count, 100)).isNaN();
    float[] from = numbers(2 * count);
    from[0] = -200;
    from[count - 1] = 200;
    float[] to = new float[count + 2];
    float[] same = new float[count + 2];
    vector.siluMul(to, 1, from, 0, count, count);
    plain.siluMul(same, 1, from, 0, count, count);
    assertThat(to).isEqualTo(same);
  }

  /** Every row with every other, and nothing beside them. */
  @ParameterizedTest
  @CsvSource({
    "1, 16", "4, 32", "7, 128", "8, 64", "9, 128", "13, 10", "16, 128", "16, 7", "21, 48"
  })
  void manyDots(int others, int count) {
    float[] a = numbers(5 * count + 3);
    float[] b = numbers(others * count);
    int stride = others + 2;
    for (int rows = 1; rows <= 5; rows++) {
      float[] expected = numbers(1 + rows * stride);
      float[] found = expected.clone();
      float[] same = expected.clone();
      for (int r = 0; r < rows; r++) {
        for (int i = 0; i < others; i++) {
          expected[1 + r * stride + i] = plain.dot(a, 3 + r * count, b, i * count, count);
        }
      }
      vector.dots(found, 1, stride, a, 3, rows, b, others, count);
      plain.dots(same, 1, stride, a, 3, rows, b, others, count);
      assertThat(found).isEqualTo(expected);
      assertThat(same).isEqualTo(expected);
    }
  }

  /** Products with vectors in 8 bits, which stand anywhere, are those with the floats they mean. */
  @ParameterizedTest
  @CsvSource({"1, 32", "5, 128", "8, 16", "9, 128", "16, 160", "23, 256"})
  void manyDotsInEightBits(int others, int count) {
    float[] a = numbers(count + 3);
    int stride = count + count / 16 + 5;
    byte[] bytes = new byte[2 * others * stride];
    random.nextBytes(bytes);
    int[] from = new int[others];
    for (int i = 0; i < others; i++) {
      from[i] = (others - i) * 2 * stride - stride + i % 3;
      for (int e = 0; e < count / 16; e++) {
        bytes[from[i] + count + e] = (byte) (1 + random.nextInt(200));
      }
    }
    float[] expected = numbers(others + 2);
    float[] found = expected.clone();
    float[] same = expected.clone();
    float[] wide = new float[count];
    for (int i = 0; i < others; i++) {
      plain.widen(bytes, from[i], from[i] + count, wide, 0, count);
      expected[1 + i] = plain.dot(a, 3, wide, 0, count);
    }
    vector.dots(found, 1, a, 3, bytes, from, others, count);
    plain.dots(same, 1, a, 3, bytes, from, others, count);
    assertThat(found).isEqualTo(expected);
    assertThat(same).isEqualTo(expected);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 15, 16, 17, 31, 64, 127, 256})
  void weightsInBf16(int count) {
    float[] x = numbers(count + 3);
    float largest = 2;
    for (int i = 0; i < count; i++) {
      x[3 + i] = Math.min(largest, i % 3 == 0 ? 50 * x[3 + i] : x[3 + i]);
    }
    x[3 + count / 2] = Float.NEGATIVE_INFINITY;
    short[] bits = new short[count + 2];
    short[] same = new short[count + 2];
    float sum = vector.exponentiate(x, 3, count, largest, bits, 2);
    assertBits(sum, plain.exponentiate(x, 3, count, largest, same, 2));
    assertThat(bits).isEqualTo(same);
    double exact = 0;
    for (int i = 0; i < count; i++) {
      double e = Math.exp((double) x[3 + i] - largest);
      exact += e;
      double tolerance = (0x1p-8 + 4e-6) * e + 0x1p-124;
      assertThat((double) DType.bf16ToFloat(bits[2 + i])).isCloseTo(e, within(tolerance));
    }
    assertThat((double) sum).isCloseTo(exact, within(4e-6 * exact + count * 0x1p-124));
    x[3 + random.nextInt(count)] = Float.NaN;
    assertThat(vector.exponentiate(x, 3, count, largest, bits, 2)).isNaN();
    assertThat(plain.exponentiate(x, 3, count, largest, same, 2)).isNaN();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 16, 32, 33, 64, 130, 256})
  void maxOfNumbersOfOneSign(int count) {
    float[] x = numbers(count + 3);
    for (int i = 0; i < x.length; i++) {
      x[i] = -1 - Math.abs(x[i]);
    }
    assertBits(vector.max(x, 3, count), plain.max(x, 3, count));
    x[3 + count / 2] = 0f;
    assertBits(vector.max(x, 3, count), 0f);
    x[3 + count - 1] = Float.MIN_VALUE;
    assertBits(vector.max(x, 3, count), Float.MIN_VALUE);
    x[3] = Float.POSITIVE_INFINITY;
    assertBits(vector.max(x, 3, count), Float.POSITIVE_INFINITY);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 15, 16, 33, 200})
  void order(int count) {
    float[] special = {Float.NaN, Float.intBitsToFloat(-1), 0f, -0f, Float.MIN_VALUE, -1e-40f};
    float[] infinite = {Float.NEGATIVE_INFINITY, Float.POSITIVE_INFINITY, -Float.MAX_VALUE};
    float[] x = numbers(count + 3);
    for (int i = 0; i < count; i++) {
      int kind = random.nextInt(3);
      x[3 + i] = kind == 0 ? x[3 + i] : kind == 1 ? special[i % 6] : infinite[i % 3];
    }
    int[] keys = new int[count + 2];
    int[] same = new int[count + 2];
    vector.order(x, 3, keys, 1, count);
    plain.order(x, 3, same, 1, count);
    assertThat(keys).isEqualTo(same);
    for (int i = 0; i < count; i++) {
      float a = x[3 + i];
      float b = x[3 + random.nextInt(count)];
      vector.order(new float[] {a, b}, 0, same, 0, 2);
      int expected =
          Float.isNaN(a) || Float.isNaN(b)
              ? Boolean.compare(b != b, a != a)
              : a < b ? -1 : a > b ? 1 : 0;
      assertThat(Integer.compare(same[0], same[1])).as("%s and %s", a, b).isEqualTo(expected);
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 0", "8, 1", "28, 3"})
  void pairs(int blocks, int other) {
    int count = blocks * 2 * SimdOps.PAIRS;
    float[] x = numbers(count);
    int stripBytes = count * SimdOps.STRIP * Short.BYTES;
    ByteBuffer pairs = ByteBuffer.allocateDirect(4 * stripBytes).order(ByteOrder.LITTLE_ENDIAN);
    while (pairs.hasRemaining()) {
      pairs.putShort(DType.floatToBf16((float) random.nextGaussian()));
    }
    pairs.rewind();
    float[] sums = numbers(2 * SimdOps.STRIP);
    plain.addPairs(sums, x, plain.viewOfPairs(pairs), 0, other * stripBytes, blocks);
    for (int column = 0; column < sums.length; column++) {
      int at = column < SimdOps.STRIP ? 0 : other * stripBytes;
      double exact = 0;
      double size = 0;
      for (int k = 0; k < count; k++) {
        int pair = at + (k / 2 * SimdOps.STRIP + column % SimdOps.STRIP) * Integer.BYTES;
        double product = (double) x[k] * DType.bf16ToFloat(pairs.getShort(pair + k % 2 * 2));
        exact += product;
        size += Math.abs(product);
      }
      assertThat((double) sums[column]).isCloseTo(exact, within(count * 0x1p-24 * size));
    }
    Object view = vector.viewOfPairs(pairs);
    if (VectorLanes.LANES != SimdOps.CHAINS) {
      assertThat(view).as("other vectors than of 512 bits read no strips").isNull();
      return;
    }
    float[] same = numbers(2 * SimdOps.STRIP);
    vector.addPairs(same, x, view, 0, other * stripBytes, blocks);
    assertThat(same).isEqualTo(sums);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 8, 15, 16, 17, 33, 896, 1031})
  void digits(int count) {
    float[] x = numbers(count + 3);
    x[3 + count / 2] = -7.25f;
    float largest = vector.largestMagnitude(x, 3, count);
    assertBits(largest, plain.largestMagnitude(x, 3, count));
    assertBits(largest, 7.25f);
    byte[] digits = new byte[2 * count];
    byte[] same = new byte[2 * count];
    vector.split(x, 3, count, FixedPoint16.perUnit(largest), digits);
    plain.split(x, 3, count, FixedPoint16.perUnit(largest), same);
    assertThat(digits).isEqualTo(same);
    float step = FixedPoint16.step(largest);
    for (int i = 0; i < count; i++) {
      int high = (digits[i] & 0xff) - 128;
      int low = (digits[count + i] & 0xff) - 128;
      assertThat((256 * high + low) * (double) step).isCloseTo(x[3 + i], within(0.501 * step));
    }

    int[] sums = random.ints(2L * count, -10_000_000, 10_000_000).toArray();
    int[] excess = random.ints(count, -10_000_000, 10_000_000).toArray();
    float[] scales = numbers(count);
    float[] biases = numbers(count);
    float[] out = new float[count + 2];
    float[] sameOut = new float[count + 2];
    vector.combine(sums, excess, count, step, scales, biases, out, 2);
    plain.combine(sums, excess, count, step, scales, biases, sameOut, 2);
    assertThat(out).isEqualTo(sameOut);

    x[3 + random.nextInt(count)] = Float.NaN;
    assertThat(vector.largestMagnitude(x, 3, count)).isNaN();
    assertThat(plain.largestMagnitude(x, 3, count)).isNaN();
  }

  /** The dot product is also right: the sum of the rounded products, whatever their order. */
  @ParameterizedTest
  @ValueSource(ints = {1, 15, 16, 100})
  void dotOfWholeNumbersIsExact(int count) {
    float[] a = new float[count];
    float[] b = new float[count];
    double sum = 0;
    for (int i = 0; i < count; i++) {
      a[i] = random.nextInt(100) - 50;
      b[i] = random.nextInt(100) - 50;
      sum += a[i] * b[i];
    }
    assertThat(plain.dot(a, 0, b, 0, count)).isEqualTo((float) sum);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 15, 16, 33, 1024})
  void widen(int count) {
    short[] bits = new short[count + 1];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = (short) random.nextInt(); // negative zeros, infinities and NaN among them
    }
    float[] widened = new float[count + 2];
    vector.widen(bits, 1, widened, 2, count);
    for (int i = 0; i < count; i++) {
      assertThat(Float.floatToRawIntBits(widened[2 + i]))
          .isEqualTo(Float.floatToRawIntBits(DType.bf16ToFloat(bits[1 + i])));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 15, 16, 33, 4096})
  void round(int count) {
    float[] x = new float[count + 1];
    for (int i = 0; i < x.length; i++) {
      int bits = random.nextInt(); // infinities and NaN are rare among them
      x[i] =
          Float.intBitsToFloat(
              i % 4 == 0 ? bits & 0xffff8000 : i % 7 == 0 ? bits | 0x7f800000 : bits);
    }
    short[] rounded = new short[count + 2];
    vector.round(x, 1, rounded, 2, count);
    for (int i = 0; i < count; i++) {
      assertThat(rounded[2 + i]).isEqualTo(DType.floatToBf16(x[1 + i]));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {16, 32, 96, 256, 544})
  void widenIntegers(int count) {
    byte[] pair = new byte[count + count / 16 + 3];
    random.nextBytes(pair);
    for (int e = count + 3; e < pair.length; e++) {
      pair[e] = (byte) (e % 2 == 0 ? 1 : 1 + random.nextInt(249)); // every exponent that is written
    }
    float[] widened = new float[count + 2];
    float[] same = widened.clone();
    vector.widen(pair, 3, count + 3, widened, 2, count);
    plain.widen(pair, 3, count + 3, same, 2, count);
    for (int i = 0; i < count; i++) {
      double expected = pair[3 + i] * Math.scalb(1.0, (pair[count + 3 + i / 16] & 0xff) - 127);
      assertThat(same[2 + i]).isEqualTo((float) expected);
      assertBits(widened[2 + i], same[2 + i]);
    }
  }

  @ParameterizedTest
  @CsvSource({"1,1", "3,16", "64,15", "5,33"})
  void copyRows(int rows, int count) {
    float[] from = numbers(rows * (count + 2) + 1);
    float[] to = new float[rows * (count + 3) + 2];
    float[] same = to.clone();
    vector.copyRows(from, 1, count + 2, to, 2, count + 3, rows, count);
    plain.copyRows(from, 1, count + 2, same, 2, count + 3, rows, count);
    assertThat(to).isEqualTo(same);
    for (int row = 0; row < rows; row++) {
      assertThat(to[2 + row * (count + 3) + count - 1]).isEqualTo(from[row * (count + 2) + count]);
      assertThat(to[2 + row * (count + 3) + count]).isZero();
    }
  }

  @ParameterizedTest
  @CsvSource({"1,1", "3,16", "64,15", "5,33"})
  void copyRowsOfBits(int rows, int count) {
    short[] from = new short[rows * (count + 2) + 1];
    for (int i = 0; i < from.length; i++) {
      from[i] = (short) (i + 1);
    }
    short[] to = new short[rows * (count + 3) + 2];
    short[] same = to.clone();
    vector.copyRows(from, 1, count + 2, to, 2, count + 3, rows, count);
    plain.copyRows(from, 1, count + 2, same, 2, count + 3, rows, count);
    assertThat(to).isEqualTo(same);
    for (int row = 0; row < rows; row++) {
      assertThat(to[2 + row * (count + 3) + count - 1]).isEqualTo(from[row * (count + 2) + count]);
      assertThat(to[2 + row * (count + 3) + count]).isZero();
    }
  }

  @ParameterizedTest
  @CsvSource({"1,64,8,4", "7,64,8,9", "2,16,8,1", "5,33,8,4", "3,64,4,8", "4,128,16,3"})
  void tileLogits(int heads, int headDim, int slots, int tiles) {
    float[] queries = numbers(heads * headDim + 1);
    float[] keys = numbers(tiles * headDim * slots + 2);
    int stride = tiles * slots + 3;
    float[] logits = new float[heads * stride];
    float[] same = logits.clone();
    float[] one = logits.clone();
    vector.tileLogits(logits, 0, stride, queries, 1, heads, keys, 2, headDim, slots, tiles, 0.3f);
    plain.tileLogits(same, 0, stride, queries, 1, heads, keys, 2, headDim, slots, tiles, 0.3f);
    for (int t = 0; t < tiles; t++) {
      int key = 2 + t * headDim * slots;
      plain.logits(one, t * slots, stride, queries, 1, heads, keys, key, headDim, slots, 0.3f);
    }
    assertThat(logits).isEqualTo(same).isEqualTo(one);
  }

  @ParameterizedTest
  @CsvSource({
    "1,64,16",
    "7,64,16",
    "4,128,16",
    "3,96,32",
    "6,33,5",
    "2,256,1",
    "5,80,24",
    "5,80,8",
    "3,33,4"
  })
  void pages(int heads, int headDim, int slots) {
    float[] queries = numbers(heads * headDim + 1);
    float[] page = numbers(headDim * slots + 2);
    int stride = slots + 3;
    float[] logits = new float[heads * stride];
    float[] same = logits.clone();
    vector.logits(logits, 0, stride, queries, 1, heads, page, 2, headDim, slots, 0.3f);
    plain.logits(same, 0, stride, queries, 1, heads, page, 2, headDim, slots, 0.3f);
    assertThat(logits).isEqualTo(same);
    for (int first = 0; first < Math.min(slots, 3); first++) {
      float[] outs = numbers(heads * headDim + 1);
      float[] others = outs.clone();
      int last = slots - first / 2;
      vector.addValues(outs, 1, heads, headDim, logits, 0, stride, page, 2, first, last);
      plain.addValues(others, 1, heads, headDim, logits, 0, stride, page, 2, first, last);
      assertThat(outs).isEqualTo(others);
    }
  }

  private static void assertBits(float actual, float expected) {
    assertThat(Float.floatToIntBits(actual)).isEqualTo(Float.floatToIntBits(expected));
  }

  private float[] numbers(int count) {
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = (float) random.nextGaussian();
    }
    return numbers;
  }
}
