package dev.questspark.engine.ops.cpu;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_ATTR_SCALES;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_BIAS;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DST;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SCRATCHPAD;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SRC;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_WEIGHTS;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.bytedeco.dnnl.IntMemoryMap;
import org.bytedeco.dnnl.matmul;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.reorder;
import org.bytedeco.dnnl.stream;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;

/**
 * The matrix products of one weight shape (K, N), one primitive per height of the row tile, all
 * reading the same packed layout.
 *
 * <p>A row's bits must not depend on the height of the tile it falls into. oneDNN promises no such
 * thing, so it is measured at load on random data: a height stays in the ladder only if each of its
 * rows comes out bit-equal to the same row of the tallest tile, at every place in the tile. (Of the
 * heights below, one row with K above 1,024 is known to sum in another order; it then goes through
 * the tile of two.)
 */
final class MatmulLadder {
  static final int TALLEST = 64;

  /** Random weights that the measurement is made with; a prime, greater than any row. */
  private static final int NUMBERS = 65_521;

  private static final int[] HEIGHTS = {1, 2, 4, 8, 16, 32, TALLEST};

  private final OneDnn library;
  private final int inFeatures;
  private final int outFeatures;
  private final memory.data_type type;
  private final DType weightDType;
  private final memory.desc packed;
  private final List<Rung> rungs = new ArrayList<>();
  private final Bench[] benches;

  /** A packed weight: the panel, its scales if it is in 8 bits (else null), its bias. */
  record Weight(memory panel, memory scales, memory bias) implements AutoCloseable {
    @Override
    public void close() {
      panel.close();
      bias.close();
      if (scales != null) {
        scales.close();
      }
    }
  }

  /** One tile height: rows, and the primitive that multiplies them. */
  private record Rung(int rows, matmul product) {}

  /** One worker's native memory, and the arguments of each rung bound to it. */
  private final class Bench {
    final FloatBuffer x = OneDnn.floats((long) TALLEST * inFeatures);
    final FloatBuffer y = OneDnn.floats((long) TALLEST * outFeatures);
    final IntMemoryMap[] arguments = new IntMemoryMap[HEIGHTS.length];
    final memory[] floats = new memory[HEIGHTS.length];
    final memory[] rounded = new memory[HEIGHTS.length];
    final reorder[] rounding = new reorder[HEIGHTS.length];

    void bind(int rung, int rows, memory.desc scratch) {
      floats[rung] = library.memory(OneDnn.rowMajor(memory.data_type.f32, rows, inFeatures), x);
      boolean round = type != memory.data_type.f32;
      rounded[rung] =
          round ? library.memory(OneDnn.rowMajor(type, rows, inFeatures)) : floats[rung];
      rounding[rung] = round ? new reorder(floats[rung], rounded[rung]) : null;
      memory.desc output = OneDnn.rowMajor(memory.data_type.f32, rows, outFeatures);
      arguments[rung] =
          new IntMemoryMap()
              .put(DNNL_ARG_SRC, rounded[rung])
              .put(DNNL_ARG_DST, library.memory(output, y))
              .put(DNNL_ARG_SCRATCHPAD, library.memory(scratch));
    }
  }

  /**
   * Builds the primitives.
   *
   * @param dtype of the rows as they are multiplied
   * @param weightDType the same, or I8 with a scale per output feature
   * @param workers how many threads may call {@link #multiply}, each with its own index
   * @param invariant keep only heights with equal bits
   */
  MatmulLadder(
      OneDnn library,
      DType dtype,
      DType weightDType,
      int inFeatures,
      int outFeatures,
      int workers,
      boolean invariant) {
    this.library = library;
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.type = OneDnn.type(dtype);
    this.weightDType = weightDType;
    memory.desc any =
        new memory.desc(
            new long[] {inFeatures, outFeatures}, OneDnn.type(weightDType), memory.format_tag.any);
    this.packed = describe(TALLEST, any).weights_desc();
    this.benches = new Bench[workers];
    Arrays.setAll(benches, i -> new Bench());
    for (int rows : HEIGHTS) {
      matmul.primitive_desc description = describe(rows, packed);
      for (Bench bench : benches) {
        bench.bind(rungs.size(), rows, description.scratchpad_desc());
      }
      rungs.add(new Rung(rows, new matmul(description)));
    }
    if (invariant) {
      keepEqualBits();
    }
  }

  private matmul.primitive_desc describe(int rows, memory.desc weights) {
    memory.data_type f32 = memory.data_type.f32;
    return new matmul.primitive_desc(
        library.cpu(),
        OneDnn.rowMajor(type, rows, inFeatures),
        weights,
        OneDnn.rowMajor(f32, 1, outFeatures),
        OneDnn.rowMajor(f32, rows, outFeatures),
        weightDType == DType.I8 ? OneDnn.scaledWeights(type) : OneDnn.callerScratch(),
        false);
  }

  /**
   * Packs columns [from, from + N) of a weight whose rows are the parts', one below the other, into
   * the layout of the primitives; a change of type rounds to nearest, ties to even.
   *
   * @param bias of the whole weight
   * @param target {@link #packedBytes} of memory, which must outlive the result
   */
  Weight pack(List<HostTensor> parts, float[] bias, int from, Pointer target) {
    try (WeightBlock block =
        weightDType == DType.I8
            ? WeightBlock.int8(parts, from, outFeatures)
            : WeightBlock.of(parts, from, outFeatures)) {
      memory scales = block.scales() == null ? null : copy(scales(), block.scales(), 0);
      return new Weight(
          pack(block, target),
          scales,
          copy(OneDnn.rowMajor(memory.data_type.f32, 1, outFeatures), bias, from));
    }
  }

  private memory pack(WeightBlock block, Pointer target) {
    // As (K, N) with swapped strides: the reorder transposes.
    memory.desc transposed =
        new memory.desc(
            new long[] {inFeatures, outFeatures},
            OneDnn.type(block.dtype()),
            new long[] {1, inFeatures});
    stream stream = library.stream(); // before the primitive, which counts the thread's threads
    memory result = library.memory(packed, target);
    try (memory plain = library.memory(transposed, block.rows());
        reorder packing = new reorder(plain, result)) {
      packing.execute(stream, plain, result);
    }
    return result;
  }

  /** One float per output feature. */
  private memory.desc scales() {
    return new memory.desc(new long[] {outFeatures}, memory.data_type.f32, memory.format_tag.a);
  }

  /** Copies N floats to native memory. */
  private memory copy(memory.desc description, float[] floats, int from) {
    memory target = library.memory(description);
    try (FloatPointer pointer = new FloatPointer(target.get_data_handle())) {
      pointer.put(floats, from, outFeatures);
    }
    return target;
  }

  /** Bytes of a packed weight. */
  long packedBytes() {
    return packed.get_size();
  }

  /** Where the elements of a packed weight (K, N) stand. */
  memory.desc packed() {
    return packed;
  }

  /** Where worker {@code worker} puts its rows of x, K floats each. */
  FloatBuffer input(int worker) {
    return benches[worker].x;
  }

  /** Where {@link #multiply} leaves the rows, N floats each. */
  FloatBuffer output(int worker) {
    return benches[worker].y;
  }

  /** Multiplies the first {@code rows} rows, at most {@link #TALLEST}, of the worker's input. */
  void multiply(int rows, Weight weight, int worker) {
    int rung = 0;
    while (rungs.get(rung).rows < rows) {
      rung++;
    }
    multiply(rungs.get(rung), weight, worker);
  }

  private void multiply(Rung rung, Weight weight, int worker) {
    Bench bench = benches[worker];
    int index = Arrays.binarySearch(HEIGHTS, rung.rows);
    if (bench.rounding[index] != null) {
      bench.rounding[index].execute(library.stream(), bench.floats[index], bench.rounded[index]);
    }
    IntMemoryMap arguments = bench.arguments[index];
    arguments.put(DNNL_ARG_WEIGHTS, weight.panel).put(DNNL_ARG_BIAS, weight.bias);
    if (weight.scales != null) {
      arguments.put(DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS, weight.scales);
    }
    rung.product.execute(library.stream(), arguments);
  }

  /** Drops the heights whose rows differ in any bit from the tallest tile's. */
  private void keepEqualBits() {
    SplittableRandom random = new SplittableRandom(1);
    float[] x = random(random, TALLEST * inFeatures);
    long bytes = (long) inFeatures * outFeatures * Float.BYTES;
    try (NativeMemory plain = new NativeMemory(bytes);
        NativeMemory space = new NativeMemory(packedBytes())) {
      ByteBuffer numbers =
          new BytePointer(plain.from(0))
              .capacity(bytes)
              .asByteBuffer()
              .order(ByteOrder.LITTLE_ENDIAN);
      repeat(random(random, NUMBERS), numbers.asFloatBuffer());
      HostTensor weight =
          new HostTensor("random numbers", DType.F32, outFeatures, inFeatures, numbers);
      float[] bias = random(random, outFeatures);
      try (Weight packed = pack(List.of(weight), bias, 0, space.from(0))) {
        keepEqualBits(x, packed);
      }
    }
  }

  private void keepEqualBits(float[] x, Weight weight) {
    Rung tallest = rungs.get(rungs.size() - 1);
    float[] expected = probe(tallest, x, 0, weight);
    rungs.removeIf(
        rung -> {
          for (int first = 0; first < TALLEST; first += rung.rows) {
            float[] rows = probe(rung, x, first, weight);
            if (!Arrays.equals(
                rows,
                0,
                rows.length,
                expected,
                first * outFeatures,
                first * outFeatures + rows.length)) {
              return true;
            }
          }
          return false;
        });
    // Place in the tile: the same row everywhere must give the same bits everywhere.
    float[] same = new float[x.length];
    for (int row = 0; row < TALLEST; row++) {
      System.arraycopy(x, 0, same, row * inFeatures, inFeatures);
    }
    for (Rung rung : List.copyOf(rungs)) {
      float[] rows = probe(rung, same, 0, weight);
      for (int at = 0; at < rows.length; at += outFeatures) {
        if (!Arrays.equals(rows, at, at + outFeatures, expected, 0, outFeatures)) {
          rungs.remove(rung);
          break;
        }
      }
    }
    if (rungs.isEmpty()) {
      throw new IllegalStateException(
          "oneDNN's product of (rows, "
              + inFeatures
              + ") and ("
              + inFeatures
              + ", "
              + outFeatures
              + ") depends on a row's place; run with batch_invariant=false");
    }
  }

  private float[] probe(Rung rung, float[] x, int firstRow, Weight weight) {
    Bench bench = benches[0];
    bench.x.put(0, x, firstRow * inFeatures, rung.rows * inFeatures);
    multiply(rung, weight, 0);
    float[] y = new float[rung.rows * outFeatures];
    bench.y.get(0, y);
    return y;
  }

  /** Fills a weight (N, K) with the numbers, over and over; their prime count shifts each row. */
  private static void repeat(float[] numbers, FloatBuffer weight) {
    while (weight.hasRemaining()) {
      weight.put(numbers, 0, Math.min(numbers.length, weight.remaining()));
    }
  }

  private static float[] random(SplittableRandom random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextDouble(-1, 1);
    }
    return values;
  }
}
