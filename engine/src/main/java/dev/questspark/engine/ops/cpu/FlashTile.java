package dev.questspark.engine.ops.cpu;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_ATTR_MULTIPLE_POST_OP_BASE;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DST;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SCRATCHPAD;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SRC_0;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SRC_1;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_WEIGHTS;
import static org.bytedeco.dnnl.global.dnnl.dnnl_binary_add;
import static org.bytedeco.dnnl.global.dnnl.dnnl_binary_mul;
import static org.bytedeco.dnnl.global.dnnl.dnnl_binary_sub;
import static org.bytedeco.dnnl.global.dnnl.dnnl_eltwise_exp;
import static org.bytedeco.dnnl.global.dnnl.dnnl_reduction_max;
import static org.bytedeco.dnnl.global.dnnl.dnnl_reduction_sum;

import java.nio.FloatBuffer;
import java.util.Arrays;
import org.bytedeco.dnnl.IntMemoryMap;
import org.bytedeco.dnnl.binary;
import org.bytedeco.dnnl.matmul;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.post_ops;
import org.bytedeco.dnnl.primitive;
import org.bytedeco.dnnl.primitive_attr;
import org.bytedeco.dnnl.primitive_desc;
import org.bytedeco.dnnl.reduction;

/**
 * One tile of queries against one block of keys after another, with the online softmax: the loop
 * body of FlashAttention (arXiv 2205.14135, algorithm 1) in six oneDNN calls. Belongs to one
 * worker.
 *
 * <pre>
 *   S = Q K (+ mask)           Q (T, D), K (D, B)
 *   m' = max(m, rowmax S)      in Java: T numbers
 *   P = exp(S - m')
 *   O = O exp(m - m') + P V    V (B, D)
 *   l = l exp(m - m') + rowsum P
 * </pre>
 *
 * Every call has the same shape whatever the batch, and a masked entry adds an exact zero, so a
 * row's bits depend on its own keys alone.
 */
final class FlashTile {
  /** Keys per block; S of 64 rows is then 64 KiB, in the second-level cache with K and V. */
  static final int BLOCK = 256;

  /**
   * Floats from one channel of a block's keys to the next: a cache line more than the block, or the
   * same slots of all channels would fall into a few sets of the first-level cache.
   */
  static final int KEY_STRIDE = BLOCK + 16;

  private static final float[] SEEN = new float[BLOCK];
  private static final float[] HIDDEN = new float[BLOCK];

  static {
    Arrays.fill(HIDDEN, Float.NEGATIVE_INFINITY);
  }

  private final OneDnn library;
  private final int rows;
  private final Matrix q;
  private final Matrix k;
  private final Matrix v;
  private final Matrix s; // logits, then weights; a field, so that its memory stays
  private final Matrix mask;
  private final Matrix blockMax;
  private final Matrix blockSum;
  private final Matrix reference;
  private final Matrix shrink;
  private final Matrix output;
  private final float[] max;
  private final float[] sum;

  private final Call multiplyKeys;
  private final Call multiplyKeysMasked;
  private final Call findMax;
  private final Call exponentiate;
  private final Call addUp;
  private final Call shrinkOutput;
  private final Call multiplyValues;

  /** Native floats, their description and their handle. */
  private record Matrix(FloatBuffer floats, memory.desc description, memory handle) {}

  /** A primitive with its arguments. */
  private record Call(primitive what, IntMemoryMap arguments) {}

  FlashTile(OneDnn library, int rows, int headDim) {
    this.library = library;
    this.rows = rows;
    this.max = new float[rows];
    this.sum = new float[rows];
    this.q = matrix(rows, headDim);
    this.k = keyMatrix(headDim);
    this.v = matrix(BLOCK, headDim);
    this.mask = matrix(rows, BLOCK);
    this.blockMax = matrix(rows, 1);
    this.blockSum = matrix(rows, 1);
    this.reference = matrix(rows, 1);
    this.shrink = matrix(rows, 1);
    this.output = matrix(rows, headDim);
    this.s = matrix(rows, BLOCK);

    this.multiplyKeys = multiplyKeys(OneDnn.callerScratch());
    post_ops addMask = new post_ops();
    addMask.append_binary(dnnl_binary_add, mask.description);
    this.multiplyKeysMasked = multiplyKeys(with(addMask));
    multiplyKeysMasked.arguments.put(
        DNNL_ARG_ATTR_MULTIPLE_POST_OP_BASE | DNNL_ARG_SRC_1, mask.handle);
    this.findMax = reduce(dnnl_reduction_max, s, blockMax);
    post_ops exp = new post_ops();
    exp.append_eltwise(dnnl_eltwise_exp, 0f, 0f);
    this.exponentiate = combine(dnnl_binary_sub, s, reference, with(exp));
    this.addUp = reduce(dnnl_reduction_sum, s, blockSum);
    this.shrinkOutput = combine(dnnl_binary_mul, output, shrink, OneDnn.callerScratch());
    post_ops accumulate = new post_ops();
    accumulate.append_sum();
    var product =
        new matmul.primitive_desc(
            library.cpu(),
            s.description,
            v.description,
            output.description,
            with(accumulate),
            false);
    this.multiplyValues = call(new matmul(product), product, s, output);
    multiplyValues.arguments.put(DNNL_ARG_WEIGHTS, v.handle);
  }

  private Matrix matrix(int matrixRows, int cols) {
    FloatBuffer floats = OneDnn.floats((long) matrixRows * cols);
    memory.desc description = OneDnn.rowMajor(memory.data_type.f32, matrixRows, cols);
    return new Matrix(floats, description, library.memory(description, floats));
  }

  private Matrix keyMatrix(int headDim) {
    FloatBuffer floats = OneDnn.floats((long) headDim * KEY_STRIDE);
    memory.desc description =
        new memory.desc(
            new long[] {headDim, BLOCK}, memory.data_type.f32, new long[] {KEY_STRIDE, 1});
    return new Matrix(floats, description, library.memory(description, floats));
  }

  private static primitive_attr with(post_ops operations) {
    primitive_attr attributes = OneDnn.callerScratch();
    attributes.set_post_ops(operations);
    return attributes;
  }

  private Call multiplyKeys(primitive_attr attributes) {
    var description =
        new matmul.primitive_desc(
            library.cpu(), q.description, k.description, s.description, attributes, false);
    Call call = call(new matmul(description), description, q, s);
    call.arguments.put(DNNL_ARG_WEIGHTS, k.handle);
    return call;
  }

  private Call reduce(int algorithm, Matrix source, Matrix target) {
    var description =
        new reduction.primitive_desc(
            library.cpu(),
            algorithm,
            source.description,
            target.description,
            0f,
            0f,
            OneDnn.callerScratch(),
            false);
    return call(new reduction(description), description, source, target);
  }

  /** source (op)= operand, one operand per row. */
  private Call combine(int algorithm, Matrix source, Matrix operand, primitive_attr attributes) {
    var description =
        new binary.primitive_desc(
            library.cpu(),
            algorithm,
            source.description,
            operand.description,
            source.description,
            attributes,
            false);
    Call call = call(new binary(description), description, source, source);
    call.arguments.put(DNNL_ARG_SRC_1, operand.handle);
    return call;
  }

  private Call call(primitive what, primitive_desc description, Matrix source, Matrix target) {
    return new Call(
        what,
        new IntMemoryMap()
            .put(DNNL_ARG_SRC_0, source.handle)
            .put(DNNL_ARG_DST, target.handle)
            .put(DNNL_ARG_SCRATCHPAD, library.memory(description.scratchpad_desc())));
  }

  /** Queries (T, D), already scaled; rows that are not filled do no harm. */
  FloatBuffer queries() {
    return q.floats;
  }

  /**
   * Keys (D, B) of the next block, channel by channel {@link #KEY_STRIDE} apart; slots without a
   * key must be finite.
   */
  FloatBuffer keys() {
    return k.floats;
  }

  /** Values (B, D) of the next block; slots without a value must be finite. */
  FloatBuffer values() {
    return v.floats;
  }

  /** Row {@code row} sees keys [first, last) of the next block, if that is folded masked. */
  void see(int row, int first, int last) {
    int at = row * BLOCK;
    mask.floats.put(at, HIDDEN, 0, first);
    mask.floats.put(at + first, SEEN, 0, last - first);
    mask.floats.put(at + last, HIDDEN, 0, BLOCK - last);
  }

  /** Forgets all blocks. */
  void reset() {
    Arrays.fill(max, Float.NEGATIVE_INFINITY);
    Arrays.fill(sum, 0f);
    for (int i = 0; i < output.floats.limit(); i += BLOCK) {
      output.floats.put(i, SEEN, 0, Math.min(BLOCK, output.floats.limit() - i)); // zeros
    }
  }

  /**
   * Folds the block that stands in {@link #keys} and {@link #values}.
   *
   * @param masked whether some row does not see all of it
   */
  void fold(boolean masked) {
    run(masked ? multiplyKeysMasked : multiplyKeys);
    run(findMax);
    boolean grown = false;
    for (int row = 0; row < rows; row++) {
      float largest = Math.max(max[row], blockMax.floats.get(row));
      // A row that has seen nothing yet: any finite reference makes its weights exp(-infinity) = 0.
      float base = largest == Float.NEGATIVE_INFINITY ? 0f : largest;
      float factor = FloatLoops.exp(max[row] - base);
      max[row] = largest;
      sum[row] *= factor;
      reference.floats.put(row, base);
      shrink.floats.put(row, factor);
      grown |= factor != 1f;
    }
    run(exponentiate);
    run(addUp);
    if (grown) {
      run(shrinkOutput);
    }
    run(multiplyValues);
    for (int row = 0; row < rows; row++) {
      sum[row] += blockSum.floats.get(row);
    }
  }

  private void run(Call call) {
    call.what.execute(library.stream(), call.arguments);
  }

  /** Copies one row's attention, divided by its sum, to the heap. */
  void read(int row, float[] target, int at, int headDim) {
    output.floats.get(row * headDim, target, at, headDim);
    FloatLoops.scale(target, at, 1f / sum[row], headDim);
  }
}
