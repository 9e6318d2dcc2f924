package dev.questspark.engine.ops.cpu;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_ATTR_SCALES;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_BIAS;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DST;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SCRATCHPAD;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SRC;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_WEIGHTS;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.dnnl.IntMemoryMap;
import org.bytedeco.dnnl.matmul;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.reorder;
import org.bytedeco.dnnl.stream;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;

/**
 * The matrix products of one panel shape, one tile height each, all reading the same packed layout.
 * If bits must not depend on the height, {@link EqualBits} takes those out whose bits do.
 */
final class MatmulLadder {
  /** Rows of the tallest tile: a weight is then read from the caches often enough not to matter. */
  static final int TALLEST = 256;

  /** Tiles up to this height come in every power of two; above it there is only the tallest. */
  static final int FINEST = 64;

  /** Every height that calls are cut into. */
  static final List<Integer> HEIGHTS = List.of(1, 2, 4, 8, 16, 32, FINEST, TALLEST);

  private final OneDnn library;
  private final PanelShape shape;
  private final memory.data_type type;
  private final memory.desc[] packed;
  private final List<Rung> rungs = new ArrayList<>();
  private final Bench[] benches;

  /** A packed panel: its spans, its scales if it is in 8 bits (else null), its bias. */
  record Weight(List<memory> spans, memory scales, memory bias) implements AutoCloseable {
    @Override
    public void close() {
      spans.forEach(memory::close);
      bias.close();
      if (scales != null) {
        scales.close();
      }
    }
  }

  /**
   * One tile height: rows, the primitives that multiply them by each span in turn, and whose of a
   * bench's arguments they take.
   */
  private record Rung(int rows, matmul[] products, int index) {}

  /** One worker's arguments of each rung. */
  private final class Bench {
    final FloatBuffer y;
    final IntMemoryMap[][] arguments = new IntMemoryMap[HEIGHTS.size()][shape.spans()];
    final memory[][] sources = new memory[HEIGHTS.size()][shape.spans()];

    Bench(FloatBuffer y) {
      this.y = y;
    }

    void bind(int rung, int rows, List<matmul.primitive_desc> products) {
      memory.desc output = OneDnn.rowMajor(memory.data_type.f32, rows, shape.outFeatures());
      memory result = library.memory(output, y);
      for (int span = 0; span < shape.spans(); span++) {
        if (shape.repeats(span)) {
          sources[rung][span] = sources[rung][span - 1];
          arguments[rung][span] = arguments[rung][span - 1];
          continue;
        }
        sources[rung][span] = library.elsewhere(source(rows, span));
        arguments[rung][span] =
            new IntMemoryMap()
                .put(DNNL_ARG_SRC, sources[rung][span])
                .put(DNNL_ARG_DST, result)
                .put(DNNL_ARG_SCRATCHPAD, library.memory(products.get(span).scratchpad_desc()));
      }
    }
  }

  /**
   * Builds the primitives.
   *
   * @param heights of {@link #HEIGHTS}, ascending, {@link #FINEST} among them
   * @param outputs where the workers that may call {@link #multiply} find its result, each with its
   *     own index: a tallest tile of N floats at least, shared by ladders
   */
  MatmulLadder(OneDnn library, PanelShape shape, List<Integer> heights, FloatBuffer[] outputs) {
    this.library = library;
    this.shape = shape;
    this.type = OneDnn.type(shape.rows());
    this.packed = new memory.desc[shape.spans()];
    for (int span = 0; span < packed.length; span++) {
      packed[span] = shape.repeats(span) ? packed[span - 1] : layout(span);
    }
    this.benches = new Bench[outputs.length];
    Arrays.setAll(benches, i -> new Bench(outputs[i]));
    for (int rows : heights) {
      List<matmul.primitive_desc> products = new ArrayList<>();
      List<matmul> primitives = new ArrayList<>();
      for (int span = 0; span < packed.length; span++) {
        boolean same = shape.repeats(span);
        products.add(same ? products.get(span - 1) : describe(rows, span, packed[span]));
        primitives.add(same ? primitives.get(span - 1) : new matmul(products.get(span)));
      }
      int index = rungs.size();
      for (Bench bench : benches) {
        bench.bind(index, rows, products);
      }
      rungs.add(new Rung(rows, primitives.toArray(new matmul[0]), index));
    }
  }

  /** The layout that oneDNN wants for tiles of {@link #FINEST} rows; all heights read it. */
  private memory.desc layout(int span) {
    memory.desc any =
        new memory.desc(
            new long[] {shape.columns(span), shape.outFeatures()},
            OneDnn.type(shape.weights()),
            memory.format_tag.any);
    return describe(FINEST, span, any).weights_desc();
  }

  /** Rows of x, cut to the span's columns. */
  private memory.desc source(int rows, int span) {
    return OneDnn.rowMajor(type, rows, shape.columns(span), shape.inFeatures());
  }

  private matmul.primitive_desc describe(int rows, int span, memory.desc weights) {
    memory.data_type f32 = memory.data_type.f32;
    memory.desc x = source(rows, span);
    memory.desc y = OneDnn.rowMajor(f32, rows, shape.outFeatures());
    if (span > 0) {
      return new matmul.primitive_desc(
          library.cpu(), x, weights, y, OneDnn.addingToResult(), false);
    }
    return new matmul.primitive_desc(
        library.cpu(),
        x,
        weights,
        OneDnn.rowMajor(f32, 1, shape.outFeatures()),
        y,
        shape.weights() == DType.I8 ? OneDnn.scaledWeights(type) : OneDnn.callerScratch(),
        false);
  }

  /**
   * Packs columns [from, from + N) of a weight whose rows are the parts', one below the other, into
   * the layout of the primitives; a change of type rounds to nearest, ties to even.
   *
   * @param bias of the whole weight
   * @param target {@link #packedBytes} of memory, which must outlive the result
   */
  Weight pack(List<HostTensor> parts, float[] bias, int from, NativeMemory target, long at) {
    int n = shape.outFeatures();
    try (WeightBlock block =
        shape.weights() == DType.I8
            ? WeightBlock.int8(parts, from, n)
            : WeightBlock.of(parts, from, n)) {
      List<memory> spans = place(target, at);
      for (int span = 0; span < packed.length; span++) {
        pack(block, span, spans.get(span));
      }
      memory scales = block.scales() == null ? null : copy(scales(), block.scales(), 0);
      return new Weight(
          spans, scales, copy(OneDnn.rowMajor(memory.data_type.f32, 1, n), bias, from));
    }
  }

  private void pack(WeightBlock block, int span, memory result) {
    // As (K, N) with swapped strides: the reorder transposes.
    memory.desc transposed =
        new memory.desc(
            new long[] {shape.columns(span), shape.outFeatures()},
            OneDnn.type(block.dtype()),
            new long[] {1, shape.inFeatures()});
    stream stream = library.stream(); // before the primitive, which counts the thread's threads
    Pointer from = block.from(shape.from(span));
    try (memory plain = library.memory(transposed, from);
        reorder packing = new reorder(plain, result)) {
      packing.execute(stream, plain, result);
    }
  }

  /** Views of a packed panel's spans from byte {@code at} of the memory on. */
  List<memory> place(NativeMemory memory, long at) {
    List<memory> spans = new ArrayList<>();
    for (int span = 0; span < packed.length; span++) {
      spans.add(library.memory(packed[span], memory.from(at + spanAt(span))));
    }
    return spans;
  }

  /** One float per output feature. */
  private memory.desc scales() {
    return new memory.desc(
        new long[] {shape.outFeatures()}, memory.data_type.f32, memory.format_tag.a);
  }

  /** Copies N floats to native memory. */
  private memory copy(memory.desc description, float[] floats, int from) {
    memory target = library.memory(description);
    try (FloatPointer pointer = new FloatPointer(target.get_data_handle())) {
      pointer.put(floats, from, shape.outFeatures());
    }
    return target;
  }

  PanelShape shape() {
    return shape;
  }

  /** Bytes of a packed panel. */
  long packedBytes() {
    return spanAt(packed.length);
  }

  /** Where a span begins in a packed panel, in bytes. */
  long spanAt(int span) {
    long at = 0;
    for (int before = 0; before < span; before++) {
      at += CacheLines.roundUp(packed[before].get_size());
    }
    return at;
  }

  /** Where the elements of a packed span (its columns of K, N) stand. */
  memory.desc packed(int span) {
    return packed[span];
  }

  /** Where {@link #multiply} leaves the worker's rows, N floats each. */
  FloatBuffer output(int worker) {
    return benches[worker].y;
  }

  /** How many of {@code rows} rows the next product should take. */
  int step(int rows) {
    int step = 0;
    for (Rung rung : rungs) {
      if (rung.rows <= rows) {
        step = rung.rows;
      }
    }
    return step >= FINEST ? step : Math.min(rows, FINEST); // below, a tile with room to spare
  }

  /**
   * Multiplies rows of x.
   *
   * @param x memory of the rows, K numbers of the shape's type each, from byte {@code at} on, and
   *     of as many more as the tallest tile has
   * @param rows one {@link #step}
   */
  void multiply(NativeMemory x, long at, int rows, Weight weight, int worker) {
    int index = 0;
    while (rungs.get(index).rows < rows) {
      index++;
    }
    Rung rung = rungs.get(index);
    Bench bench = benches[worker];
    int height = rung.index;
    stream stream = library.stream();
    for (int span = 0; span < rung.products.length; span++) {
      IntMemoryMap arguments = bench.arguments[height][span];
      long column = (long) shape.from(span) * shape.rows().bytes();
      bench.sources[height][span].set_data_handle(x.from(at + column));
      arguments.put(DNNL_ARG_WEIGHTS, weight.spans.get(span));
      if (span == 0) {
        arguments.put(DNNL_ARG_BIAS, weight.bias);
      }
      if (weight.scales != null) {
        arguments.put(DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS, weight.scales);
      }
      rung.products[span].execute(stream, arguments);
    }
  }

  /** Tile heights, ascending. */
  List<Integer> heights() {
    return rungs.stream().map(Rung::rows).toList();
  }

  /** Multiplies by this height no more; the next taller one takes its tiles. */
  void drop(int height) {
    rungs.removeIf(rung -> rung.rows == height);
  }
}
