package dev.questspark.engine.ops.cpu.gemm;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.LinearWeight;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.memory.CacheLines;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.NativeMemory;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.onednn.OneDnn;
import dev.questspark.engine.ops.cpu.simd.FixedPoint16;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
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
 * BatchInvarianceProbe}).
 */
public final class OneDnnGemm implements Gemm {
  /**
   * Columns per panel: few enough that a decode step's single row still splits over the workers.
   */
  private static final int PANEL = 512;

  /** Of a larger weight, rows that are packed need not stay in memory while the others are. */
  private static final long GIVEN_BACK_AT_ONCE = 64 << 20;

  /** Below this height a tile reads its weights too often for what it computes. */
  private static final int SHORTEST_SHARED_TILE = 16;

  private final OneDnn library;
  private final Workers workers;
  private final SimdOps[] simd;
  private final DType dtype;
  private final DType rowDType;
  private final DType weightDType;
  private final boolean invariant;
  private final boolean widensBf16;
  private final boolean singleRows;
  private final ByteBuffer[] outputs; // a tile's result, per worker
  private final int[][] sums; // of a row's digits, per worker
  private final NativeRows input;
  private final Map<PanelShape, TiledMatmul> tiledMatmuls = new HashMap<>();
  private final Map<PanelShape, Optional<Bf16WeightMatmul>> widenings = new HashMap<>();
  private final Map<PanelShape, Optional<SingleRowMatmul>> singles = new HashMap<>();

  public OneDnnGemm(OneDnn library, Workers workers, SimdOps[] simd, BackendOptions options) {
    this.library = library;
    this.workers = workers;
    this.simd = simd;
    this.dtype = options.dtype();
    this.weightDType = options.weightDType();
    this.invariant = options.batchInvariant();
    this.rowDType = weightDType == DType.I8 ? DType.I8 : dtype;
    this.input = new NativeRows(workers, simd, rowDType);
    this.outputs = new ByteBuffer[workers.threads()];
    Arrays.setAll(outputs, i -> OneDnn.bytes(TiledMatmul.outputBytes(PANEL)));
    this.sums = new int[workers.threads()][rowDType == DType.I8 ? FixedPoint16.COUNT * PANEL : 0];
    this.singleRows =
        rowDType == DType.BF16
            && library.multipliesInTiles()
            && simd[0].viewOfPairs(ByteBuffer.allocateDirect(0)) != null;
    this.widensBf16 = weightDType == DType.F32 && library.multipliesF32ByBf16();
  }

  /**
   * The products of a panel shape; with a widening, of panels in bf16 under rows in f32; with a
   * second way for single rows.
   */
  private record Products(
      TiledMatmul tiled, Optional<Bf16WeightMatmul> widening, Optional<SingleRowMatmul> single) {
    PackedWeight.Panel pack(
        List<HostTensor> weights,
        float[] bias,
        int from,
        NativeMemory space,
        long at,
        SimdOps simd) {
      TiledMatmul.Weight weight = tiled.pack(weights, bias, from, space, at);
      ByteBuffer bytes = space.bytes(at, tiled.packedBytes());
      return new PackedWeight.Panel(
          from,
          tiled.shape().outFeatures(),
          tiled,
          widening,
          weight,
          single.flatMap(product -> product.panel(bytes, bias, from, simd)));
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
    int n = OpArguments.outFeatures(weights);
    int k = weights.get(0).cols();
    float[] bias = WeightRows.bias(weights, biases);
    if (rowDType == DType.I8 && k > FixedPoint16.LONGEST) {
      throw new ConfigException(
          weights.get(0).name()
              + " has "
              + k
              + " columns, weight_dtype int8 takes at most "
              + FixedPoint16.LONGEST
              + "; use auto");
    }
    int last = n % PANEL == 0 ? Math.min(PANEL, n) : n % PANEL;
    boolean bf16 = keepsBf16(weights, last);
    Products whole = products(k, Math.min(PANEL, n), bf16);
    Products rest = products(k, last, bf16);
    PackedWeight.Panel[] panels = new PackedWeight.Panel[(n + PANEL - 1) / PANEL];
    long stride = CacheLines.roundUp(whole.tiled.packedBytes());
    long bytes = (panels.length - 1) * stride + rest.tiled.packedBytes();
    NativeMemory space = new NativeMemory(bytes);
    try {
      workers.run(
          panels.length,
          (long) k * PANEL,
          (panel, worker) -> {
            int from = panel * PANEL;
            Products products = panel == panels.length - 1 ? rest : whole;
            panels[panel] = products.pack(weights, bias, from, space, panel * stride, simd[worker]);
            if (bytes > GIVEN_BACK_AT_ONCE) {
              WeightRows.giveBack(weights, from, Math.min(PANEL, n - from));
            }
          });
    } catch (RuntimeException | Error e) {
      space.close();
      throw e;
    }
    DType kept = whole.tiled.shape().weights();
    int perColumn = kept == DType.I8 ? 3 : 1; // the bias, and a scale and an excess
    long withColumns = bytes + (long) n * perColumn * Float.BYTES;
    return new PackedWeight(List.of(panels), kept, n, k, withColumns, space);
  }

  /** Whether these weights stay in the checkpoint's bf16 although the rows are in f32. */
  private boolean keepsBf16(List<HostTensor> weights, int lastColumns) {
    int k = weights.get(0).cols();
    int columns = Math.min(PANEL, OpArguments.outFeatures(weights));
    return widensBf16
        && weights.stream().allMatch(weight -> weight.dtype() == DType.BF16)
        && widening(k, columns).isPresent()
        && widening(k, lastColumns).isPresent();
  }

  private Products products(int k, int columns, boolean bf16) {
    Optional<Bf16WeightMatmul> widening = bf16 ? widening(k, columns) : Optional.empty();
    TiledMatmul tiled = widening.map(Bf16WeightMatmul::narrow).orElseGet(() -> tiled(k, columns));
    return new Products(tiled, widening, single(tiled));
  }

  private Optional<SingleRowMatmul> single(TiledMatmul tiled) {
    if (!singleRows) {
      return Optional.empty();
    }
    return singles.computeIfAbsent(
        tiled.shape(),
        shape ->
            SingleRowMatmul.of(tiled, workers.threads())
                .filter(product -> BatchInvarianceProbe.equal(tiled, product)));
  }

  private TiledMatmul tiled(int k, int columns) {
    return tiledMatmuls.computeIfAbsent(
        PanelShape.whole(k, columns, rowDType, weightDType),
        shape -> {
          boolean exact = rowDType == DType.I8;
          List<Integer> heights = exact ? TiledMatmul.DIGIT_HEIGHTS : TiledMatmul.HEIGHTS;
          TiledMatmul tiled = new TiledMatmul(library, shape, heights, outputs);
          if (invariant && !exact) {
            try (BatchInvarianceProbe measure = new BatchInvarianceProbe(shape)) {
              measure.keep(tiled);
            }
          }
          return tiled;
        });
  }

  private Optional<Bf16WeightMatmul> widening(int k, int columns) {
    return widenings.computeIfAbsent(
        PanelShape.whole(k, columns, dtype, weightDType),
        shape -> Bf16WeightMatmul.of(library, shape, outputs, invariant));
  }

  @Override
  public Optional<Tensor> rowsOf(LinearWeight weight) {
    PackedWeight packed = (PackedWeight) weight;
    int n = packed.outFeatures();
    int k = packed.inFeatures();
    return Optional.of(new Tensor(new PackedRows(packed, PANEL), packed.dtype(), 0, n, k, k));
  }

  @Override
  public void linear(Tensor out, Tensor x, LinearWeight weight) {
    PackedWeight packed = (PackedWeight) weight;
    int rows = x.rows();
    int panels = packed.panels().size();
    NativeMemory loaded = input.load(x);
    int height = rowsPerTask(packed, rows);
    workers.run(
        (rows + height - 1) / height * panels,
        (long) Math.min(height, rows) * packed.inFeatures() * PANEL,
        (task, worker) -> {
          int from = task / panels * height;
          int to = Math.min(rows, from + height);
          PackedWeight.Panel panel = packed.panels().get(task % panels);
          if (rows <= SingleRowMatmul.MOST_ROWS && panel.single().isPresent()) {
            multiplyFew(out, loaded, panel, from, to, worker);
          } else {
            multiply(out, loaded, panel, from, to, worker);
          }
        });
  }

  /** The most rows that still give every worker something to do; of wide panels, the best. */
  private int rowsPerTask(PackedWeight packed, int rows) {
    int height = TiledMatmul.TALLEST;
    int panels = packed.panels().size();
    while (height > SHORTEST_SHARED_TILE
        && (rows + height - 1) / height * panels < 2 * workers.threads()) {
      height /= 2;
    }
    if (packed.panels().get(0).widening().isEmpty() || height < TiledMatmul.TALLEST) {
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
  private double time(PackedWeight packed, int rows, int perTask) {
    int tasks = (rows + perTask - 1) / perTask * packed.panels().size();
    int turns = (tasks + workers.threads() - 1) / workers.threads();
    return turns * Bf16WeightMatmul.cost(Math.min(rows, perTask));
  }

  /** In tiles, or row by row: to the same bits. */
  private void multiplyFew(
      Tensor out, NativeMemory x, PackedWeight.Panel panel, int from, int to, int worker) {
    SingleRowMatmul.Panel single = panel.single().get();
    TimedChoice ways = single.product().ways(to - from, worker);
    int way = ways.next();
    long start = System.nanoTime();
    if (way == 0) {
      multiply(out, x, panel, from, to, worker);
    } else {
      for (int row = from; row < to; row++) {
        int at = HeapBuffer.at(out, row) + panel.from();
        single.multiply(input.single(row), HeapBuffer.floats(out), at, simd[worker], worker);
      }
    }
    ways.took(way, System.nanoTime() - start);
  }

  private void multiply(
      Tensor out, NativeMemory x, PackedWeight.Panel panel, int from, int to, int worker) {
    boolean widen = panel.widening().isPresent() && Bf16WeightMatmul.pays(to - from);
    TiledMatmul.Weight widened =
        widen ? panel.widening().get().widen(panel.weight(), worker) : panel.weight();
    for (int row = from; row < to; ) {
      boolean wide = widen && to - row >= TiledMatmul.FINEST;
      TiledMatmul tiled = wide ? panel.widening().get().wide() : panel.tiled();
      int end = row + tiled.step(to - row);
      long at = row * tiled.shape().rowBytes();
      tiled.multiply(x, at, end - row, wide ? widened : panel.weight(), worker);
      if (rowDType == DType.I8) {
        combine(tiled.sums(worker), panel, out, row, end, worker);
      } else {
        store(tiled.output(worker), panel, out, row, end);
      }
      row = end;
    }
  }

  private static void store(
      FloatBuffer output, PackedWeight.Panel panel, Tensor out, int from, int to) {
    float[] target = HeapBuffer.floats(out);
    for (int row = from; row < to; row++) {
      output.get(
          (row - from) * panel.columns(),
          target,
          HeapBuffer.at(out, row) + panel.from(),
          panel.columns());
    }
  }

  private void combine(
      IntBuffer product, PackedWeight.Panel panel, Tensor out, int from, int to, int worker) {
    float[] target = HeapBuffer.floats(out);
    int n = panel.columns();
    TiledMatmul.Channels channels = panel.weight().channels();
    for (int row = from; row < to; row++) {
      product.get((row - from) * FixedPoint16.COUNT * n, sums[worker], 0, FixedPoint16.COUNT * n);
      simd[worker].combine(
          sums[worker],
          channels.excess(),
          n,
          input.steps()[row],
          channels.scales(),
          channels.biases(),
          target,
          HeapBuffer.at(out, row) + panel.from());
    }
  }

  @Override
  public void close() {
    tiledMatmuls.clear(); // native memory goes with the last reference
    widenings.values().forEach(widening -> widening.ifPresent(Bf16WeightMatmul::close));
    widenings.clear();
    input.close();
  }
}
