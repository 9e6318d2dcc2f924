package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.LinearWeight;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.backend.BackendOptions;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * {@code linear} on oneDNN. A weight is cut into panels of output columns, each packed once in the
 * layout that the product reads; a call is cut into tasks of row tiles times one panel. How rows
 * are cut into tiles follows the call and the threads; it cannot be seen in the bits (see {@link
 * EqualBits}).
 */
final class OneDnnGemm implements Gemm {
  /**
   * Columns per panel: few enough that a decode step's single row still splits over the workers.
   */
  private static final int PANEL = 512;

  /** Below this height a tile reads its weights too often for what it computes. */
  private static final int SHORTEST_SHARED_TILE = 16;

  private final OneDnn library;
  private final Workers workers;
  private final Loops[] loops;
  private final DType dtype;
  private final DType rowDType;
  private final DType weightDType;
  private final boolean invariant;
  private final boolean widensBf16;
  private final boolean singleRows;
  private final ByteBuffer[] outputs; // a tile's result, per worker
  private final int[][] sums; // of a row's digits, per worker
  private final NativeRows input;
  private final Map<PanelShape, MatmulLadder> ladders = new HashMap<>();
  private final Map<PanelShape, Optional<Widening>> widenings = new HashMap<>();
  private final Map<PanelShape, Optional<RowProduct>> singles = new HashMap<>();

  OneDnnGemm(OneDnn library, Workers workers, Loops[] loops, BackendOptions options) {
    this.library = library;
    this.workers = workers;
    this.loops = loops;
    this.dtype = options.dtype();
    this.weightDType = options.weightDType();
    this.invariant = options.batchInvariant();
    this.rowDType = weightDType == DType.I8 ? DType.I8 : dtype;
    this.input = new NativeRows(workers, loops, rowDType);
    this.outputs = new ByteBuffer[workers.threads()];
    Arrays.setAll(outputs, i -> OneDnn.bytes(MatmulLadder.outputBytes(PANEL)));
    this.sums = new int[workers.threads()][rowDType == DType.I8 ? Digits.COUNT * PANEL : 0];
    this.singleRows =
        rowDType == DType.BF16
            && library.multipliesInTiles()
            && loops[0].viewOfPairs(ByteBuffer.allocateDirect(0)) != null;
    this.widensBf16 = weightDType == DType.F32 && library.multipliesF32ByBf16();
  }

  /**
   * The products of a panel shape; with a widening, of panels in bf16 under rows in f32; with a
   * second way for single rows.
   */
  private record Products(
      MatmulLadder ladder, Optional<Widening> widening, Optional<RowProduct> single) {
    Panel pack(
        List<HostTensor> weights,
        float[] bias,
        int from,
        NativeMemory space,
        long at,
        Loops loops) {
      MatmulLadder.Weight weight = ladder.pack(weights, bias, from, space, at);
      ByteBuffer bytes = space.bytes(at, ladder.packedBytes());
      return new Panel(
          from,
          ladder.shape().outFeatures(),
          ladder,
          widening,
          weight,
          single.flatMap(product -> product.panel(bytes, bias, from, loops)));
    }
  }

  /** Output columns [from, from + N of the ladder). */
  record Panel(
      int from,
      int columns,
      MatmulLadder ladder,
      Optional<Widening> widening,
      MatmulLadder.Weight weight,
      Optional<RowProduct.Panel> single) {}

  /** A weight (N, K) as panels in one block of memory. */
  record Packed(
      List<Panel> panels,
      DType dtype,
      int outFeatures,
      int inFeatures,
      long bytes,
      NativeMemory space)
      implements LinearWeight {
    @Override
    public void close() {
      panels.forEach(panel -> panel.weight.close());
      space.close();
    }
  }

  @Override
  public String describe() {
    String weights = widensBf16 ? ", weights in bf16 where the checkpoint's are" : "";
    return library.describe()
        + " "
        + dtype
        + (weightDType == dtype
            ? weights
            : " with weights in " + weightDType + ", their rows in i16")
        + (singles.values().stream().anyMatch(Optional::isPresent)
            ? ", single rows also by Vector API"
            : "");
  }

  @Override
  public LinearWeight pack(List<HostTensor> weights, List<HostTensor> biases) {
    int n = WeightRows.outFeatures(weights);
    int k = weights.get(0).cols();
    float[] bias = WeightRows.bias(weights, biases);
    if (rowDType == DType.I8 && k > Digits.LONGEST) {
      throw new ConfigException(
          weights.get(0).name()
              + " has "
              + k
              + " columns, weight_dtype int8 takes at most "
              + Digits.LONGEST
              + "; use auto");
    }
    int last = n % PANEL == 0 ? Math.min(PANEL, n) : n % PANEL;
    boolean bf16 = keepsBf16(weights, last);
    Products whole = products(k, Math.min(PANEL, n), bf16);
    Products rest = products(k, last, bf16);
    Panel[] panels = new Panel[(n + PANEL - 1) / PANEL];
    long stride = CacheLines.roundUp(whole.ladder.packedBytes());
    long bytes = (panels.length - 1) * stride + rest.ladder.packedBytes();
    NativeMemory space = new NativeMemory(bytes);
    try {
      workers.run(
          panels.length,
          (long) k * PANEL,
          (panel, worker) -> {
            int from = panel * PANEL;
            Products products = panel == panels.length - 1 ? rest : whole;
            panels[panel] =
                products.pack(weights, bias, from, space, panel * stride, loops[worker]);
          });
    } catch (RuntimeException | Error e) {
      space.close();
      throw e;
    }
    DType kept = whole.ladder.shape().weights();
    int perColumn = kept == DType.I8 ? 3 : 1; // the bias, and a scale and an excess
    long withColumns = bytes + (long) n * perColumn * Float.BYTES;
    return new Packed(List.of(panels), kept, n, k, withColumns, space);
  }

  /** Whether these weights stay in the checkpoint's bf16 although the rows are in f32. */
  private boolean keepsBf16(List<HostTensor> weights, int lastColumns) {
    int k = weights.get(0).cols();
    int columns = Math.min(PANEL, WeightRows.outFeatures(weights));
    return widensBf16
        && weights.stream().allMatch(weight -> weight.dtype() == DType.BF16)
        && widening(k, columns).isPresent()
        && widening(k, lastColumns).isPresent();
  }

  private Products products(int k, int columns, boolean bf16) {
    Optional<Widening> widening = bf16 ? widening(k, columns) : Optional.empty();
    MatmulLadder ladder = widening.map(Widening::narrow).orElseGet(() -> ladder(k, columns));
    return new Products(ladder, widening, single(ladder));
  }

  private Optional<RowProduct> single(MatmulLadder ladder) {
    if (!singleRows) {
      return Optional.empty();
    }
    return singles.computeIfAbsent(
        ladder.shape(),
        shape ->
            RowProduct.of(ladder, workers.threads())
                .filter(product -> EqualBits.equal(ladder, product)));
  }

  private MatmulLadder ladder(int k, int columns) {
    return ladders.computeIfAbsent(
        PanelShape.whole(k, columns, rowDType, weightDType),
        shape -> {
          boolean exact = rowDType == DType.I8;
          List<Integer> heights = exact ? MatmulLadder.DIGIT_HEIGHTS : MatmulLadder.HEIGHTS;
          MatmulLadder ladder = new MatmulLadder(library, shape, heights, outputs);
          if (invariant && !exact) {
            try (EqualBits measure = new EqualBits(shape)) {
              measure.keep(ladder);
            }
          }
          return ladder;
        });
  }

  private Optional<Widening> widening(int k, int columns) {
    return widenings.computeIfAbsent(
        PanelShape.whole(k, columns, dtype, weightDType),
        shape -> Widening.of(library, shape, outputs, invariant));
  }

  @Override
  public Optional<Tensor> rowsOf(LinearWeight weight) {
    Packed packed = (Packed) weight;
    int n = packed.outFeatures;
    int k = packed.inFeatures;
    return Optional.of(new Tensor(new PackedRows(packed, PANEL), packed.dtype, 0, n, k, k));
  }

  @Override
  public void linear(Tensor out, Tensor x, LinearWeight weight) {
    Packed packed = (Packed) weight;
    int rows = x.rows();
    int panels = packed.panels.size();
    NativeMemory loaded = input.load(x);
    int height = rowsPerTask(packed, rows);
    workers.run(
        (rows + height - 1) / height * panels,
        (long) Math.min(height, rows) * packed.inFeatures * PANEL,
        (task, worker) -> {
          int from = task / panels * height;
          int to = Math.min(rows, from + height);
          Panel panel = packed.panels.get(task % panels);
          if (rows <= RowProduct.MOST_ROWS && panel.single.isPresent()) {
            multiplyFew(out, loaded, panel, from, to, worker);
          } else {
            multiply(out, loaded, panel, from, to, worker);
          }
        });
  }

  /** The most rows that still give every worker something to do; of wide panels, the best. */
  private int rowsPerTask(Packed packed, int rows) {
    int height = MatmulLadder.TALLEST;
    int panels = packed.panels.size();
    while (height > SHORTEST_SHARED_TILE
        && (rows + height - 1) / height * panels < 2 * workers.threads()) {
      height /= 2;
    }
    if (packed.panels.get(0).widening.isEmpty() || height < MatmulLadder.TALLEST) {
      return height;
    }
    int best = height; // a panel is widened once per task
    for (int more = 2 * height; more < rows + height; more += height) {
      if (time(packed, rows, more) < time(packed, rows, best)) {
        best = more;
      }
    }
    return best;
  }

  /** The longest worker's time with so many rows per task, in rows of a product. */
  private double time(Packed packed, int rows, int perTask) {
    int tasks = (rows + perTask - 1) / perTask * packed.panels.size();
    int turns = (tasks + workers.threads() - 1) / workers.threads();
    return turns * Widening.cost(Math.min(rows, perTask));
  }

  /** In tiles, or row by row: to the same bits. */
  private void multiplyFew(Tensor out, NativeMemory x, Panel panel, int from, int to, int worker) {
    RowProduct.Panel single = panel.single.get();
    FasterWay ways = single.product().ways(to - from, worker);
    int way = ways.next();
    long start = System.nanoTime();
    if (way == 0) {
      multiply(out, x, panel, from, to, worker);
    } else {
      for (int row = from; row < to; row++) {
        int at = HeapBuffer.at(out, row) + panel.from;
        single.multiply(input.single(row), HeapBuffer.floats(out), at, loops[worker], worker);
      }
    }
    ways.took(way, System.nanoTime() - start);
  }

  private void multiply(Tensor out, NativeMemory x, Panel panel, int from, int to, int worker) {
    boolean widen = panel.widening.isPresent() && Widening.pays(to - from);
    MatmulLadder.Weight widened =
        widen ? panel.widening.get().widen(panel.weight, worker) : panel.weight;
    for (int row = from; row < to; ) {
      boolean wide = widen && to - row >= MatmulLadder.FINEST;
      MatmulLadder ladder = wide ? panel.widening.get().wide() : panel.ladder;
      int end = row + ladder.step(to - row);
      long at = row * ladder.shape().rowBytes();
      ladder.multiply(x, at, end - row, wide ? widened : panel.weight, worker);
      if (rowDType == DType.I8) {
        combine(ladder.sums(worker), panel, out, row, end, worker);
      } else {
        store(ladder.output(worker), panel, out, row, end);
      }
      row = end;
    }
  }

  private static void store(FloatBuffer output, Panel panel, Tensor out, int from, int to) {
    float[] target = HeapBuffer.floats(out);
    for (int row = from; row < to; row++) {
      output.get(
          (row - from) * panel.columns,
          target,
          HeapBuffer.at(out, row) + panel.from,
          panel.columns);
    }
  }

  private void combine(IntBuffer product, Panel panel, Tensor out, int from, int to, int worker) {
    float[] target = HeapBuffer.floats(out);
    int n = panel.columns;
    MatmulLadder.Channels channels = panel.weight.channels();
    for (int row = from; row < to; row++) {
      product.get((row - from) * Digits.COUNT * n, sums[worker], 0, Digits.COUNT * n);
      loops[worker].combine(
          sums[worker],
          channels.excess(),
          n,
          input.steps()[row],
          channels.scales(),
          channels.biases(),
          target,
          HeapBuffer.at(out, row) + panel.from);
    }
  }

  @Override
  public void close() {
    ladders.clear(); // native memory goes with the last reference
    widenings.values().forEach(widening -> widening.ifPresent(Widening::close));
    widenings.clear();
    input.close();
  }
}
