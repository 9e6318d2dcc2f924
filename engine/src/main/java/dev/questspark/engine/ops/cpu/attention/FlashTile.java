package dev.questspark.engine.ops.cpu.attention;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DST;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SCRATCHPAD;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SRC;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_WEIGHTS;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.cpu.onednn.NativeNumbers;
import dev.questspark.engine.ops.cpu.onednn.OneDnn;
import dev.questspark.engine.ops.cpu.simd.ScalarMath;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import dev.questspark.engine.ops.prefill.TileSkipping;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
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
 * A tile is many rows, so that they share the cost of bringing a block. Products come in heights
 * with the same bits, and a key that a row does not see adds an exact zero: a row's bits depend on
 * its own keys alone.
 *
 * <p>Q and P are rounded to the type of K and V. Where that is bf16, as in PyTorch's, the products
 * add up in f32 and l sums P before it is rounded.
 */
final class FlashTile {
  /** Rows of a tile. */
  static final int ROWS = 256;

  /** Rows that products come in; S of the tallest is 256 KiB, in the second-level cache. */
  static final List<Integer> HEIGHTS = List.of(ROWS, 64, 16);

  private static final int BLOCK = FlashBlock.SLOTS;

  private final OneDnn library;
  private final SimdOps simd;
  private final FlashBlock block;
  private final DType dtype;
  private final int headDim;
  private final NativeNumbers queries;
  private final NativeNumbers scores; // logits
  private final NativeNumbers weights; // the same memory if they are f32
  private final NativeNumbers outputs;
  private final float[] weight = new float[BLOCK]; // a row of scores, then of weights, on the heap
  private final short[] rounded; // the same in bf16
  private final float[] output;
  private final float[] max = new float[ROWS];
  private final float[] sum = new float[ROWS];
  private float cap; // of the logits, 0 for none
  private final int[] firstSeen = new int[ROWS];
  private final int[] lastSeen = new int[ROWS];
  private final List<Slices> slices = new ArrayList<>();
  private final float[] logits; // of the rows of a group, (64, B)
  private final int[] keptBlocks = new int[ROWS];

  /** Every slice of one height: the two products, and what they are made of at each slice. */
  private record Slices(
      int height,
      matmul multiplyKeys,
      matmul multiplyValues,
      IntMemoryMap[] keyArguments,
      IntMemoryMap[] valueArguments) {}

  FlashTile(OneDnn library, SimdOps simd, FlashBlock block) {
    this.library = library;
    this.simd = simd;
    this.block = block;
    this.dtype = block.dtype();
    this.headDim = block.headDim();
    this.output = new float[headDim];
    this.logits = new float[TileSkipping.ROWS * BLOCK];
    this.queries = new NativeNumbers(dtype, (long) ROWS * headDim);
    this.scores = new NativeNumbers(DType.F32, ROWS * BLOCK);
    this.weights = dtype == DType.F32 ? scores : new NativeNumbers(dtype, ROWS * BLOCK);
    this.rounded = new short[Math.max(BLOCK, headDim)];
    this.outputs = new NativeNumbers(DType.F32, (long) ROWS * headDim);
    HEIGHTS.forEach(height -> slices.add(slices(height)));
  }

  private Slices slices(int height) {
    memory keys = block.keyMatrix(library);
    memory values = block.valueMatrix(library);
    memory score = scores.matrix(library, 0, height, BLOCK, BLOCK);
    memory weight = weights.matrix(library, 0, height, BLOCK, BLOCK);
    memory.desc query = OneDnn.rowMajor(OneDnn.type(dtype), height, headDim);
    memory.desc result = OneDnn.rowMajor(memory.data_type.f32, height, headDim);
    var keyProduct = product(query, keys, score.get_desc(), OneDnn.callerScratch());
    var valueProduct = product(weight.get_desc(), values, result, OneDnn.addingToResult());
    IntMemoryMap[] keyArguments = new IntMemoryMap[ROWS / height];
    IntMemoryMap[] valueArguments = new IntMemoryMap[ROWS / height];
    for (int slice = 0; slice < keyArguments.length; slice++) {
      int at = slice * height * headDim;
      memory from = queries.matrix(library, at, height, headDim, headDim);
      memory to = outputs.matrix(library, at, height, headDim, headDim);
      keyArguments[slice] = arguments(keyProduct, from, keys, score);
      valueArguments[slice] = arguments(valueProduct, weight, values, to);
    }
    return new Slices(
        height, new matmul(keyProduct), new matmul(valueProduct), keyArguments, valueArguments);
  }

  private matmul.primitive_desc product(
      memory.desc source, memory factor, memory.desc result, primitive_attr attributes) {
    return new matmul.primitive_desc(
        library.cpu(), source, factor.get_desc(), result, attributes, false);
  }

  private IntMemoryMap arguments(
      matmul.primitive_desc product, memory source, memory factor, memory result) {
    return new IntMemoryMap()
        .put(DNNL_ARG_SRC, source)
        .put(DNNL_ARG_WEIGHTS, factor)
        .put(DNNL_ARG_DST, result)
        .put(DNNL_ARG_SCRATCHPAD, library.memory(product.scratchpad_desc()));
  }

  /** Multiplies by this height, not the greatest, no more: correct, and slower for few rows. */
  void drop(int height) {
    slices.removeIf(each -> each.height == height);
  }

  /** Where the next block is put; slots without a key must be finite. */
  FlashBlock block() {
    return block;
  }

  /** The tile's first {@code rows} queries (rows, D), already scaled; the others do no harm. */
  void load(float[] scaled, int rows) {
    if (dtype == DType.F32) {
      queries.put(0, scaled, 0, rows * headDim);
      return;
    }
    for (int row = 0; row < rows; row++) {
      simd.round(scaled, row * headDim, rounded, 0, headDim);
      queries.put(row * headDim, rounded, 0, headDim);
    }
  }

  /** Row {@code row} sees keys [first, last) of the next block. */
  void see(int row, int first, int last) {
    firstSeen[row] = first;
    lastSeen[row] = last;
  }

  /**
   * Forgets all blocks.
   *
   * @param logitCap of what follows, 0 for none
   */
  void reset(int rows, float logitCap) {
    cap = logitCap;
    Arrays.fill(max, 0, rows, Float.NEGATIVE_INFINITY);
    Arrays.fill(sum, 0, rows, 0f);
    Arrays.fill(keptBlocks, 0, rows, 0);
    Arrays.fill(output, 0f);
    for (int row = 0; row < rows; row++) {
      outputs.put(row * headDim, output, 0, headDim);
    }
  }

  /**
   * Folds what stands in {@link #block} into the first {@code rows} rows; {@link #see} has said
   * what each of them sees of it.
   */
  void fold(int rows) {
    for (int from = 0; from < rows; ) {
      Slices fitting = slices(from, rows);
      int slice = from / fitting.height;
      int to = Math.min(from + fitting.height, rows);
      fitting.multiplyKeys.execute(library.stream(), fitting.keyArguments[slice]);
      for (int row = from; row < to; row++) {
        weigh(row, (row - from) * BLOCK);
      }
      fitting.multiplyValues.execute(library.stream(), fitting.valueArguments[slice]);
      from = to;
    }
  }

  /**
   * As {@link #fold}, leaving out tiles of {@link TileSkipping}: rows [64 i, 64 i + 64) are those
   * of one query head, and decide together.
   *
   * @param rows a multiple of 64
   * @param block tokens of a key block, of which a row's are counted
   */
  void fold(int rows, float margin, int block) {
    for (int from = 0; from < rows; from += TileSkipping.ROWS) {
      int to = from + TileSkipping.ROWS;
      for (int row = from; row < to; ) {
        Slices fitting = slices(row, to);
        int end = Math.min(row + fitting.height, to);
        fitting.multiplyKeys.execute(library.stream(), fitting.keyArguments[row / fitting.height]);
        scores.get(0, logits, (row - from) * BLOCK, (end - row) * BLOCK);
        row = end;
      }
      int kept = keptTiles(from, margin);
      if (kept == 0) {
        continue;
      }
      for (int row = from; row < to; ) {
        Slices fitting = slices(row, to);
        int end = Math.min(row + fitting.height, to);
        for (int one = row; one < end; one++) {
          weighKept(one, (one - from) * BLOCK, (one - row) * BLOCK, kept, block);
        }
        fitting.multiplyValues.execute(
            library.stream(), fitting.valueArguments[row / fitting.height]);
        row = end;
      }
    }
  }

  /** Of the block's tiles those that one row at least wants read, as bits. */
  private int keptTiles(int from, float margin) {
    int kept = 0;
    for (int row = from; row < from + TileSkipping.ROWS; row++) {
      int at = (row - from) * BLOCK;
      int first = firstSeen[row];
      int last = lastSeen[row];
      if (cap != 0 && first < last) {
        SoftCap.apply(logits, at + first, last - first, cap);
      }
      float before = max[row];
      for (int tile = 0; tile * TileSkipping.KEYS < last; tile++) {
        int start = Math.max(first, tile * TileSkipping.KEYS);
        int end = Math.min(last, (tile + 1) * TileSkipping.KEYS);
        if (start < end) {
          float largest = simd.max(logits, at + start, end - start);
          if (!(largest - before < margin)) {
            kept |= 1 << tile;
          }
          before = Math.max(before, largest);
        }
      }
    }
    return kept;
  }

  /** Turns a row's logits of the kept tiles into weights, the others into zeros. */
  private void weighKept(int row, int from, int at, int kept, int block) {
    int first = firstSeen[row];
    int last = Math.max(first, lastSeen[row]);
    System.arraycopy(logits, from + first, weight, first, last - first);
    for (int tile = 0; tile < BLOCK / TileSkipping.KEYS; tile++) {
      int start = Math.max(first, tile * TileSkipping.KEYS);
      int end = Math.min(last, (tile + 1) * TileSkipping.KEYS);
      if (start < end) {
        if ((kept & 1 << tile) == 0) {
          Arrays.fill(weight, start, end, Float.NEGATIVE_INFINITY);
        } else {
          keptBlocks[row] += (end - 1) / block - start / block + 1;
        }
      }
    }
    weighRow(row, at, first, last);
  }

  /** Key blocks of tiles that a row has read since the tile was reset, if tiles were left out. */
  int keptBlocks(int row) {
    return keptBlocks[row];
  }

  /** The tallest slices of which the rows leave less empty than the next lower ones have. */
  private Slices slices(int from, int rows) {
    for (int i = 0; i < slices.size() - 1; i++) {
      if (rows - from > slices.get(i).height - slices.get(i + 1).height) {
        return slices.get(i);
      }
    }
    return slices.get(slices.size() - 1);
  }

  /** Turns a row's logits, which stand in the scores from {@code at} on, into weights. */
  private void weigh(int row, int at) {
    int first = firstSeen[row];
    int seen = lastSeen[row] - first;
    if (seen > 0) {
      scores.get(at + first, weight, first, seen);
      if (cap != 0) {
        SoftCap.apply(weight, first, seen, cap);
      }
    }
    weighRow(row, at, first, lastSeen[row]);
  }

  /** Turns the logits [first, last) of {@link #weight} into weights of a row. */
  private void weighRow(int row, int at, int first, int last) {
    int seen = last - first;
    float reference = 0f;
    if (seen > 0) {
      float largest = Math.max(max[row], simd.max(weight, first, seen));
      if (largest > max[row]) {
        if (max[row] != Float.NEGATIVE_INFINITY) {
          shrink(row, ScalarMath.exp(max[row] - largest));
        }
        max[row] = largest;
      }
      // Logits that are all -infinity: with any finite reference their weights are 0.
      reference = largest == Float.NEGATIVE_INFINITY ? 0f : largest;
    }
    if (dtype == DType.F32) {
      sum[row] += simd.exponentiate(weight, first, seen, reference);
      Arrays.fill(weight, 0, first, 0f);
      Arrays.fill(weight, last, BLOCK, 0f);
      weights.put(at, weight, 0, BLOCK);
    } else {
      sum[row] += simd.exponentiate(weight, first, seen, reference, rounded, first);
      Arrays.fill(rounded, 0, first, (short) 0);
      Arrays.fill(rounded, last, BLOCK, (short) 0);
      weights.put(at, rounded, 0, BLOCK);
    }
  }

  private void shrink(int row, float factor) {
    sum[row] *= factor;
    outputs.get(row * headDim, output, 0, headDim);
    ScalarMath.scale(output, 0, factor, headDim);
    outputs.put(row * headDim, output, 0, headDim);
  }

  /** Log of the sum of exp(logit) over the keys that a row has seen. */
  float logSumExp(int row) {
    return (float) (max[row] + Math.log(sum[row]));
  }

  /** Copies one row's attention, divided by its sum, to the heap. */
  void read(int row, float[] target, int at) {
    outputs.get(row * headDim, target, at, headDim);
    ScalarMath.scale(target, at, 1f / sum[row], headDim);
  }
}
