package dev.questspark.engine.ops.cpu;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DST;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SCRATCHPAD;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SRC;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_WEIGHTS;

import java.nio.FloatBuffer;
import java.util.Arrays;
import org.bytedeco.dnnl.IntMemoryMap;
import org.bytedeco.dnnl.matmul;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.primitive_attr;

/**
 * A tile of queries against one block of keys after another, with the online softmax: the loop body
 * of FlashAttention (arXiv 2205.14135, algorithm 1). The two products are oneDNN's, what lies
 * between them is Java's: oneDNN reduces rows so slowly that maximum and sum took as long as both
 * products. Belongs to one worker.
 *
 * <pre>
 *   S = Q K                    Q (T, D), K (D, B)
 *   m' = max(m, rowmax S)
 *   P = exp(S - m')            0 where a row does not see a key
 *   O = O exp(m - m') + P V    V (B, D)
 *   l = l exp(m - m') + rowsum P
 * </pre>
 *
 * A tile is many rows, so that they share the cost of bringing a block, and goes through the loop
 * in slices, so that S stays in the second-level cache with K and V. Products come in two heights
 * with the same bits, and a key that a row does not see adds an exact zero: a row's bits depend on
 * its own keys alone.
 */
final class FlashTile {
  /** Keys per block; S of a slice is then 64 KiB. */
  static final int BLOCK = 256;

  /**
   * Floats from one channel of a block's keys to the next: a cache line more than the block, or the
   * same slots of all channels would fall into a few sets of the first-level cache.
   */
  static final int KEY_STRIDE = BLOCK + 16;

  /** Rows of a tile. */
  static final int ROWS = 256;

  /** Rows of a slice. */
  static final int TALL = 64;

  /** Rows of the slices that the last, fewer than {@link #TALL}, rows of a tile fall into. */
  private static final int SHORT = 16;

  private final OneDnn library;
  private final Loops loops;
  private final int headDim;
  private final FloatBuffer queries;
  private final FloatBuffer keys;
  private final FloatBuffer values;
  private final FloatBuffer scores; // a slice's logits, then its weights
  private final FloatBuffer outputs;
  private final float[] weights = new float[TALL * BLOCK]; // the scores on the heap
  private final float[] output;
  private final float[] max = new float[ROWS];
  private final float[] sum = new float[ROWS];
  private final int[] firstSeen = new int[ROWS];
  private final int[] lastSeen = new int[ROWS];
  private final Slices tall;
  private Slices low;

  /** Every slice of one height: the two products, and what they are made of at each slice. */
  private record Slices(
      int height,
      matmul multiplyKeys,
      matmul multiplyValues,
      IntMemoryMap[] keyArguments,
      IntMemoryMap[] valueArguments) {}

  FlashTile(OneDnn library, Loops loops, int headDim) {
    this.library = library;
    this.loops = loops;
    this.headDim = headDim;
    this.output = new float[headDim];
    this.queries = OneDnn.floats((long) ROWS * headDim);
    this.keys = OneDnn.floats((long) headDim * KEY_STRIDE);
    this.values = OneDnn.floats((long) BLOCK * headDim);
    this.scores = OneDnn.floats((long) TALL * BLOCK);
    this.outputs = OneDnn.floats((long) ROWS * headDim);
    this.tall = slices(TALL);
    this.low = slices(SHORT);
  }

  private Slices slices(int height) {
    memory.desc q = OneDnn.rowMajor(memory.data_type.f32, height, headDim);
    memory.desc k =
        new memory.desc(
            new long[] {headDim, BLOCK}, memory.data_type.f32, new long[] {KEY_STRIDE, 1});
    memory.desc v = OneDnn.rowMajor(memory.data_type.f32, BLOCK, headDim);
    memory.desc s = OneDnn.rowMajor(memory.data_type.f32, height, BLOCK);
    var keyProduct = product(q, k, s, OneDnn.callerScratch());
    var valueProduct = product(s, v, q, OneDnn.addingToResult());
    memory keyMatrix = library.memory(k, keys);
    memory valueMatrix = library.memory(v, values);
    memory scoreMatrix = library.memory(s, scores);
    IntMemoryMap[] keyArguments = new IntMemoryMap[ROWS / height];
    IntMemoryMap[] valueArguments = new IntMemoryMap[ROWS / height];
    for (int slice = 0; slice < keyArguments.length; slice++) {
      int at = slice * height * headDim;
      memory query = library.memory(q, queries.duplicate().position(at).slice());
      memory result = library.memory(q, outputs.duplicate().position(at).slice());
      keyArguments[slice] = arguments(keyProduct, query, keyMatrix, scoreMatrix);
      valueArguments[slice] = arguments(valueProduct, scoreMatrix, valueMatrix, result);
    }
    return new Slices(
        height, new matmul(keyProduct), new matmul(valueProduct), keyArguments, valueArguments);
  }

  private matmul.primitive_desc product(
      memory.desc source, memory.desc factor, memory.desc result, primitive_attr attributes) {
    return new matmul.primitive_desc(library.cpu(), source, factor, result, attributes, false);
  }

  private IntMemoryMap arguments(
      matmul.primitive_desc product, memory source, memory factor, memory result) {
    return new IntMemoryMap()
        .put(DNNL_ARG_SRC, source)
        .put(DNNL_ARG_WEIGHTS, factor)
        .put(DNNL_ARG_DST, result)
        .put(DNNL_ARG_SCRATCHPAD, library.memory(product.scratchpad_desc()));
  }

  /** Multiplies tall slices only: correct, and slower where a tile has few rows. */
  void avoidLowSlices() {
    low = tall;
  }

  /** Queries (ROWS, D), already scaled; rows that are not filled do no harm. */
  FloatBuffer queries() {
    return queries;
  }

  /**
   * Keys (D, B) of the next block, channel by channel {@link #KEY_STRIDE} apart; slots without a
   * key must be finite.
   */
  FloatBuffer keys() {
    return keys;
  }

  /** Values (B, D) of the next block; slots without a value must be finite. */
  FloatBuffer values() {
    return values;
  }

  /** Row {@code row} sees keys [first, last) of the next block. */
  void see(int row, int first, int last) {
    firstSeen[row] = first;
    lastSeen[row] = last;
  }

  /** Forgets all blocks. */
  void reset(int rows) {
    Arrays.fill(max, 0, rows, Float.NEGATIVE_INFINITY);
    Arrays.fill(sum, 0, rows, 0f);
    Arrays.fill(output, 0f);
    for (int row = 0; row < rows; row++) {
      outputs.put(row * headDim, output);
    }
  }

  /**
   * Folds the block that stands in {@link #keys} and {@link #values} into the first {@code rows}
   * rows; {@link #see} has said what each of them sees of it.
   */
  void fold(int rows) {
    for (int from = 0; from < rows; ) {
      Slices slices = rows - from >= TALL ? tall : low;
      int slice = from / slices.height;
      int count = Math.min(slices.height, rows - from);
      slices.multiplyKeys.execute(library.stream(), slices.keyArguments[slice]);
      scores.get(0, weights, 0, count * BLOCK);
      for (int i = 0; i < count; i++) {
        weigh(from + i, i * BLOCK);
      }
      scores.put(0, weights, 0, count * BLOCK);
      slices.multiplyValues.execute(library.stream(), slices.valueArguments[slice]);
      from += count;
    }
  }

  /** Turns a row's logits, from {@code at} on, into weights. */
  private void weigh(int row, int at) {
    int first = firstSeen[row];
    int last = lastSeen[row];
    Arrays.fill(weights, at, at + first, 0f);
    Arrays.fill(weights, at + last, at + BLOCK, 0f);
    if (first == last) {
      return;
    }
    float largest = Math.max(max[row], loops.max(weights, at + first, last - first));
    if (largest > max[row]) {
      if (max[row] != Float.NEGATIVE_INFINITY) {
        shrink(row, FloatLoops.exp(max[row] - largest));
      }
      max[row] = largest;
    }
    // Logits that are all -infinity: with any finite reference their weights are 0.
    float reference = largest == Float.NEGATIVE_INFINITY ? 0f : largest;
    sum[row] += loops.exponentiate(weights, at + first, last - first, reference);
  }

  private void shrink(int row, float factor) {
    sum[row] *= factor;
    outputs.get(row * headDim, output);
    FloatLoops.scale(output, 0, factor, headDim);
    outputs.put(row * headDim, output);
  }

  /** Copies one row's attention, divided by its sum, to the heap. */
  void read(int row, float[] target, int at) {
    outputs.get(row * headDim, target, at, headDim);
    FloatLoops.scale(target, at, 1f / sum[row], headDim);
  }
}
