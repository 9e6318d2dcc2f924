package dev.questspark.engine.ops.cpu.attention;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.cpu.attention.CpuBlockScores.Segment;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import java.util.Arrays;

/**
 * Attention weights of a segment's queries, or of strides of them, summed over the keys of each
 * block. Belongs to one worker.
 */
final class BlockWeights {
  /** Positions whose keys are read at a time, about; no power of two, as in {@link FlashBlock}. */
  private static final int TOKENS = 224;

  private final DType dtype;
  private final SimdOps simd;
  private final KeyProduct product;
  private float[] queries = new float[0]; // (rows, width)
  private float[] keys = new float[0]; // (D, tokens)
  private short[] raw;
  private float[] folded = new float[0]; // (stride * D, tokens / stride)
  private float[] logits = new float[0]; // (rows, columns)
  private float[] sums = new float[0]; // (rows, chunks, blocks): of exp(logit - largest)
  private float[] largest = new float[0]; // (rows, chunks)

  BlockWeights(DType dtype, SimdOps simd, KeyProduct product) {
    this.dtype = dtype;
    this.simd = simd;
    this.product = product;
  }

  DType dtype() {
    return dtype;
  }

  /**
   * What the rows of a product stand for.
   *
   * @param count rows per query head
   * @param stride tokens per query and key
   * @param seen of row i of a head: the number of columns, from position 0 on, that it sees
   * @param hidden likewise the number of the first of them that it does not see
   */
  private record Rows(int count, int stride, int[] seen, int[] hidden) {}

  /** Rows of the segment, evenly spaced. */
  void ofRows(float[] scores, int at, Segment of, int most, float scale, float cap) {
    int count = Math.min(most, of.rows());
    int[] seen = new int[count];
    int[] hidden = new int[count];
    int[] rows = new int[count];
    for (int i = 0; i < count; i++) {
      int offset = (int) ((2L * i + 1) * of.rows() / (2 * count));
      rows[i] = of.firstRow() + offset;
      seen[i] = of.start() + offset + 1;
      hidden[i] = of.pages().firstVisible(of.start() + offset);
    }
    weigh(scores, at, of, new Rows(count, 1, seen, hidden), rows, scale, cap);
  }

  /**
   * Strides of the segment, each {@code stride} rows; the last query of one meets its first key.
   */
  void ofStrides(float[] scores, int at, Segment of, int stride, float scale, float cap) {
    int count = of.rows() / stride;
    int[] seen = new int[count];
    int[] hidden = new int[count];
    int[] rows = new int[count];
    for (int i = 0; i < count; i++) {
      rows[i] = of.firstRow() + i * stride;
      seen[i] = of.start() / stride + i + 1;
      hidden[i] = of.pages().firstVisible(of.start() + i * stride) / stride;
    }
    weigh(scores, at, of, new Rows(count, stride, seen, hidden), rows, scale / stride, cap);
  }

  private void weigh(
      float[] scores, int at, Segment of, Rows rows, int[] firstRows, float scale, float cap) {
    int before = of.blocksBefore();
    double[] weights = new double[before];
    // As many query heads at a time as fit a product; one that does not is cut.
    int perProduct = Math.max(1, KeyProduct.ROWS / rows.count);
    for (int g = 0; g < of.group(); g += perProduct) {
      int heads = Math.min(perProduct, of.group() - g);
      for (int from = 0; from < rows.count; from += KeyProduct.ROWS) {
        int to = Math.min(rows.count, from + KeyProduct.ROWS);
        loadQueries(of, rows.stride, firstRows, g, heads, from, to, scale);
        addWeights(weights, of, rows, heads, from, to, cap);
      }
    }
    for (int b = 0; b < before; b++) {
      scores[at + b] = (float) (weights[b] / (rows.count * of.group()));
    }
  }

  /** Rows [from, to) of some query heads, last query of a stride first, scaled. */
  private void loadQueries(
      Segment of, int stride, int[] rows, int firstHead, int heads, int from, int to, float scale) {
    int headDim = of.pages().headDim;
    int width = stride * headDim;
    int count = heads * (to - from);
    queries = atLeast(queries, KeyProduct.ROWS * width);
    float[] all = HeapBuffer.floats(of.q());
    int target = 0;
    for (int g = firstHead; g < firstHead + heads; g++) {
      for (int i = from; i < to; i++) {
        for (int s = stride - 1; s >= 0; s--) {
          int source = of.queryAt(rows[i] + s, g);
          for (int c = 0; c < headDim; c++) {
            queries[target++] = scale * all[source + c];
          }
        }
      }
    }
    product.left(queries, count, width);
  }

  /** Adds each block's weight, summed over the rows of the product. */
  private void addWeights(
      double[] weights, Segment of, Rows rows, int heads, int from, int to, float cap) {
    int block = of.block();
    int headDim = of.pages().headDim;
    int stride = rows.stride;
    int tokens = block * Math.max(1, TOKENS / block);
    int cols = tokens / stride;
    int end = rows.seen[to - 1] * stride;
    Part part = new Part(heads, from, to, (end + tokens - 1) / tokens, tokens / block);
    keys = atLeast(keys, headDim * tokens);
    raw = dtype == DType.F32 ? null : atLeast(raw, headDim * tokens);
    logits = atLeast(logits, KeyProduct.ROWS * cols);
    sums = atLeast(sums, part.rows() * part.chunks * part.blocks);
    largest = atLeast(largest, part.rows() * part.chunks);
    Arrays.fill(sums, 0, part.rows() * part.chunks * part.blocks, 0f);
    Arrays.fill(largest, 0, part.rows() * part.chunks, Float.NEGATIVE_INFINITY);
    for (int chunk = rows.hidden[from] / cols; chunk < part.chunks; chunk++) {
      int first = chunk * tokens;
      of.keys(first, Math.min(end, first + tokens), tokens, keys, raw, simd);
      product.times(stride == 1 ? keys : fold(headDim, tokens, stride), cols, logits);
      for (int row = 0; row < part.rows(); row++) {
        int i = from + row % (to - from);
        int hidden = Math.max(0, rows.hidden[i] - chunk * cols);
        int seen = Math.min(cols, rows.seen[i] - chunk * cols);
        if (hidden < seen) {
          sumBlocks(
              row * cols,
              hidden,
              seen,
              row * part.chunks + chunk,
              part.blocks,
              block / stride,
              cap);
        }
      }
    }
    for (int row = 0; row < part.rows(); row++) {
      addRow(weights, row, part);
    }
  }

  /**
   * What one product stands for.
   *
   * @param from first row of each head
   * @param chunks of keys
   * @param blocks of a chunk
   */
  private record Part(int heads, int from, int to, int chunks, int blocks) {
    int rows() {
      return heads * (to - from);
    }
  }

  /**
   * Sums exp(logit - largest) over the blocks of a row's chunk.
   *
   * @param at index of the row's first logit
   * @param first column that it sees
   * @param last one after the last column that it sees
   */
  private void sumBlocks(
      int at, int first, int last, int chunk, int blocks, int perBlock, float cap) {
    if (cap != 0) {
      SoftCap.apply(logits, at + first, last - first, cap);
    }
    float most = simd.max(logits, at + first, last - first);
    simd.exponentiate(logits, at + first, last - first, most);
    largest[chunk] = most;
    for (int b = first / perBlock; b * perBlock < last; b++) {
      int from = at + Math.max(first, b * perBlock);
      int to = at + Math.min(last, (b + 1) * perBlock);
      float even = 0;
      float odd = 0;
      int i = from;
      for (; i + 1 < to; i += 2) {
        even += logits[i];
        odd += logits[i + 1];
      }
      sums[chunk * blocks + b] = i < to ? even + odd + logits[i] : even + odd;
    }
  }

  /** Adds a row's weights, which are shares of all that it sees. */
  private void addRow(double[] weights, int row, Part part) {
    float most = Float.NEGATIVE_INFINITY;
    for (int chunk = 0; chunk < part.chunks; chunk++) {
      most = Math.max(most, largest[row * part.chunks + chunk]);
    }
    double total = 0;
    int perRow = part.chunks * part.blocks;
    for (int chunk = 0; chunk < part.chunks; chunk++) {
      float factor = (float) Math.exp(largest[row * part.chunks + chunk] - most);
      for (int b = 0; b < part.blocks; b++) {
        int at = row * perRow + chunk * part.blocks + b;
        sums[at] *= factor;
        total += sums[at];
      }
    }
    for (int b = 0; b < weights.length; b++) {
      weights[b] += sums[row * perRow + b] / total;
    }
  }

  /** Keys (D, tokens) as strides (stride * D, tokens / stride), first key of a stride first. */
  private float[] fold(int headDim, int tokens, int stride) {
    int cols = tokens / stride;
    folded = atLeast(folded, headDim * tokens);
    for (int c = 0; c < headDim; c++) {
      for (int s = 0; s < stride; s++) {
        int target = (s * headDim + c) * cols;
        int source = c * tokens + s;
        for (int i = 0; i < cols; i++) {
          folded[target + i] = keys[source + i * stride];
        }
      }
    }
    return folded;
  }

  private static float[] atLeast(float[] array, int count) {
    return array.length < count ? new float[count] : array;
  }

  private static short[] atLeast(short[] array, int count) {
    return array == null || array.length < count ? new short[count] : array;
  }
}
