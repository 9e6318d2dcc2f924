package dev.questspark.engine.ops.cpu.gemm;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_BIAS;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DST;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SCRATCHPAD;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SRC;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_WEIGHTS;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.cpu.memory.CacheLines;
import dev.questspark.engine.ops.cpu.memory.NativeMemory;
import dev.questspark.engine.ops.cpu.onednn.OneDnn;
import dev.questspark.engine.ops.cpu.simd.FixedPoint16;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
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
 * If bits must not depend on the height, {@link BatchInvarianceProbe} takes those out whose bits
 * do.
 */
public final class TiledMatmul {
  /** Rows of the tallest tile: a weight is then read from the caches often enough not to matter. */
  static final int TALLEST = 256;

  /** Tiles up to this height come in every power of two; above it there is only the tallest. */
  public static final int FINEST = 64;

  /** Every height that calls are cut into. */
  static final List<Integer> HEIGHTS = List.of(1, 2, 4, 8, 16, 32, FINEST, TALLEST);

  /** Of rows of digits: as tall, counted in digits. */
  static final List<Integer> DIGIT_HEIGHTS =
      List.of(1, 2, 4, 8, 16, 32, FINEST, TALLEST / FixedPoint16.COUNT);

  private final OneDnn library;
  private final PanelShape shape;
  private final memory.data_type type;
  private final memory.desc[] packed;
  private final List<TileKernel> kernels = new ArrayList<>();
  private final WorkerBuffers[] perWorker;

  /**
   * A packed panel: its spans, and its bias, or, of a panel in 8 bits, what its sums of digits are
   * scaled and shifted by.
   */
  record Weight(List<memory> spans, memory bias, Channels channels) implements AutoCloseable {
    @Override
    public void close() {
      spans.forEach(memory::close);
      if (bias != null) {
        bias.close();
      }
    }
  }

  /**
   * What makes floats of a panel's sums of digits, per output feature: they are too large by the
   * excess, then scaled, then shifted by the bias.
   */
  record Channels(int[] excess, float[] scales, float[] biases) {
    static Channels of(WeightBlock block, float[] biases) {
      int[] excess = Arrays.stream(block.sums()).map(sum -> FixedPoint16.ZERO * sum).toArray();
      return new Channels(excess, block.scales(), biases);
    }
  }

  /**
   * One tile height: rows, the primitives that multiply them by each span in turn, and which of a
   * worker's arguments they take.
   */
  private record TileKernel(int rows, matmul[] products, int index) {}

  /** One worker's arguments of each kernel. */
  private final class WorkerBuffers {
    final ByteBuffer y;
    final FloatBuffer floats;
    final IntBuffer sums;
    final IntMemoryMap[][] arguments = new IntMemoryMap[HEIGHTS.size()][shape.spans()];
    final memory[][] sources = new memory[HEIGHTS.size()][shape.spans()];

    WorkerBuffers(ByteBuffer y) {
      this.y = y;
      this.floats = y.asFloatBuffer();
      this.sums = y.asIntBuffer();
    }

    void bind(int kernel, int rows, List<matmul.primitive_desc> products) {
      memory result = library.memory(result(rows), y);
      for (int span = 0; span < shape.spans(); span++) {
        if (shape.repeats(span)) {
          sources[kernel][span] = sources[kernel][span - 1];
          arguments[kernel][span] = arguments[kernel][span - 1];
          continue;
        }
        sources[kernel][span] = library.elsewhere(source(rows, span));
        arguments[kernel][span] =
            new IntMemoryMap()
                .put(DNNL_ARG_SRC, sources[kernel][span])
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
   *     own index: {@link #outputBytes}, shared by all shapes
   */
  TiledMatmul(OneDnn library, PanelShape shape, List<Integer> heights, ByteBuffer[] outputs) {
    this.library = library;
    this.shape = shape;
    this.type = shape.rows() == DType.I8 ? memory.data_type.u8 : OneDnn.type(shape.rows());
    this.packed = new memory.desc[shape.spans()];
    for (int span = 0; span < packed.length; span++) {
      packed[span] = shape.repeats(span) ? packed[span - 1] : layout(span);
    }
    this.perWorker = new WorkerBuffers[outputs.length];
    Arrays.setAll(perWorker, i -> new WorkerBuffers(outputs[i]));
    for (int rows : heights) {
      List<matmul.primitive_desc> products = new ArrayList<>();
      List<matmul> primitives = new ArrayList<>();
      for (int span = 0; span < packed.length; span++) {
        boolean same = shape.repeats(span);
        products.add(same ? products.get(span - 1) : describe(rows, span, packed[span]));
        primitives.add(same ? primitives.get(span - 1) : new matmul(products.get(span)));
      }
      int index = kernels.size();
      for (WorkerBuffers buffers : perWorker) {
        buffers.bind(index, rows, products);
      }
      kernels.add(new TileKernel(rows, primitives.toArray(new matmul[0]), index));
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
    int parts = rows * shape.parts();
    return OneDnn.rowMajor(type, parts, shape.columns(span), shape.inFeatures());
  }

  private memory.desc result(int rows) {
    memory.data_type sum = shape.rows() == DType.I8 ? memory.data_type.s32 : memory.data_type.f32;
    return OneDnn.rowMajor(sum, rows * shape.parts(), shape.outFeatures());
  }

  private matmul.primitive_desc describe(int rows, int span, memory.desc weights) {
    memory.desc x = source(rows, span);
    memory.desc y = result(rows);
    if (span > 0) {
      return new matmul.primitive_desc(
          library.cpu(), x, weights, y, OneDnn.addingToResult(), false);
    }
    if (shape.rows() == DType.I8) {
      return new matmul.primitive_desc(library.cpu(), x, weights, y, OneDnn.callerScratch(), false);
    }
    memory.desc bias = OneDnn.rowMajor(memory.data_type.f32, 1, shape.outFeatures());
    return new matmul.primitive_desc(
        library.cpu(), x, weights, bias, y, OneDnn.callerScratch(), false);
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
      float[] biases = Arrays.copyOfRange(bias, from, from + n);
      return block.scales() == null
          ? new Weight(spans, copy(biases), null)
          : new Weight(spans, null, Channels.of(block, biases));
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

  /** Copies a row to native memory. */
  private memory copy(float[] floats) {
    memory target = library.memory(OneDnn.rowMajor(memory.data_type.f32, 1, floats.length));
    try (FloatPointer pointer = new FloatPointer(target.get_data_handle())) {
      pointer.put(floats);
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

  /** What a worker's results may take: the tallest tile of so many output features. */
  static long outputBytes(int outFeatures) {
    return (long) TALLEST * outFeatures * Float.BYTES;
  }

  /** Where {@link #multiply} leaves the worker's rows, N floats each. */
  FloatBuffer output(int worker) {
    return perWorker[worker].floats;
  }

  /**
   * Where {@link #multiply} leaves the sums of the worker's digits, N of high ones, N of low ones.
   */
  IntBuffer sums(int worker) {
    return perWorker[worker].sums;
  }

  /** How many of {@code rows} rows the next product should take. */
  int step(int rows) {
    int step = 0;
    for (TileKernel kernel : kernels) {
      if (kernel.rows <= rows) {
        step = kernel.rows;
      }
    }
    return step >= FINEST ? step : Math.min(rows, FINEST); // below, a tile with room to spare
  }

  /**
   * Multiplies rows of x.
   *
   * @param x memory of the rows, {@link PanelShape#rowBytes} each, from byte {@code at} on, and of
   *     as many more as the tallest tile has
   * @param rows one {@link #step}
   */
  void multiply(NativeMemory x, long at, int rows, Weight weight, int worker) {
    int index = 0;
    while (kernels.get(index).rows < rows) {
      index++;
    }
    TileKernel kernel = kernels.get(index);
    WorkerBuffers buffers = perWorker[worker];
    int height = kernel.index;
    stream stream = library.stream();
    for (int span = 0; span < kernel.products.length; span++) {
      IntMemoryMap arguments = buffers.arguments[height][span];
      long column = (long) shape.from(span) * shape.rows().bytes();
      buffers.sources[height][span].set_data_handle(x.from(at + column));
      arguments.put(DNNL_ARG_WEIGHTS, weight.spans.get(span));
      if (span == 0 && weight.bias != null) {
        arguments.put(DNNL_ARG_BIAS, weight.bias);
      }
      kernel.products[span].execute(stream, arguments);
    }
  }

  /** Tile heights, ascending. */
  List<Integer> heights() {
    return kernels.stream().map(TileKernel::rows).toList();
  }

  /** Multiplies by this height no more; the next taller one takes its tiles. */
  void drop(int height) {
    kernels.removeIf(kernel -> kernel.rows == height);
  }
}
