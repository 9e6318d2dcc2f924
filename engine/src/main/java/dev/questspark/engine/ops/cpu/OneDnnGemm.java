package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.BackendOptions;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.LinearWeight;
import dev.questspark.engine.ops.Tensor;
import java.nio.FloatBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * {@code linear} on oneDNN. A weight is cut into panels of output columns, each packed once in the
 * layout that the product reads; a call is cut into tasks of one row tile times one panel. How rows
 * are cut into tiles follows the call and the threads; it cannot be seen in the bits (see {@link
 * MatmulLadder}).
 */
final class OneDnnGemm implements Gemm {
  /**
   * Columns per panel: enough work to hide the copy of x (about 5 % at 64 rows), few enough that a
   * decode step's single row still splits over the workers.
   */
  private static final int PANEL = 512;

  /** Below this height a tile reads its weights too often for what it computes. */
  private static final int SHORTEST_SHARED_TILE = 16;

  private final OneDnn library;
  private final Workers workers;
  private final DType dtype;
  private final DType weightDType;
  private final boolean invariant;
  private final Map<List<Integer>, MatmulLadder> ladders = new HashMap<>();

  OneDnnGemm(OneDnn library, Workers workers, BackendOptions options) {
    this.library = library;
    this.workers = workers;
    this.dtype = options.dtype();
    this.weightDType = options.weightDType();
    this.invariant = options.batchInvariant();
  }

  /** Output columns [from, from + N of the ladder). */
  record Panel(int from, int columns, MatmulLadder ladder, MatmulLadder.Weight weight) {}

  /** A weight (N, K) as panels in one block of memory. */
  record Packed(List<Panel> panels, int outFeatures, int inFeatures, long bytes, NativeMemory space)
      implements LinearWeight {
    @Override
    public void close() {
      panels.forEach(panel -> panel.weight.close());
      space.close();
    }
  }

  @Override
  public String describe() {
    return library.describe()
        + " "
        + dtype
        + (weightDType == dtype ? "" : " with weights in " + weightDType);
  }

  @Override
  public LinearWeight pack(List<HostTensor> weights, List<HostTensor> biases) {
    int n = WeightRows.outFeatures(weights);
    int k = weights.get(0).cols();
    float[] bias = WeightRows.bias(weights, biases);
    MatmulLadder whole = ladder(k, Math.min(PANEL, n));
    MatmulLadder rest = n % PANEL == 0 ? whole : ladder(k, n % PANEL);
    Panel[] panels = new Panel[(n + PANEL - 1) / PANEL];
    long stride = CacheLines.roundUp(whole.packedBytes());
    long bytes = (panels.length - 1) * stride + rest.packedBytes();
    NativeMemory space = new NativeMemory(bytes);
    try {
      workers.run(
          panels.length,
          (long) k * PANEL,
          (panel, worker) -> {
            int from = panel * PANEL;
            int columns = Math.min(PANEL, n - from);
            MatmulLadder ladder = panel == panels.length - 1 ? rest : whole;
            var weight = ladder.pack(weights, bias, from, space.from(panel * stride));
            panels[panel] = new Panel(from, columns, ladder, weight);
          });
    } catch (RuntimeException | Error e) {
      space.close();
      throw e;
    }
    int floats = weightDType == DType.I8 ? 2 : 1; // bias, and scale
    return new Packed(List.of(panels), n, k, bytes + (long) n * floats * Float.BYTES, space);
  }

  private MatmulLadder ladder(int k, int columns) {
    return ladders.computeIfAbsent(
        List.of(k, columns),
        shape ->
            new MatmulLadder(
                library, dtype, weightDType, k, columns, workers.threads(), invariant));
  }

  @Override
  public Optional<Tensor> rowsOf(LinearWeight weight) {
    Packed packed = (Packed) weight;
    int n = packed.outFeatures;
    int k = packed.inFeatures;
    return Optional.of(
        new Tensor(new PackedRows(packed, weightDType, PANEL), weightDType, 0, n, k, k));
  }

  @Override
  public void linear(Tensor out, Tensor x, LinearWeight weight) {
    Packed packed = (Packed) weight;
    int rows = x.rows();
    int panels = packed.panels.size();
    int height = tileHeight(rows, panels);
    int tiles = (rows + height - 1) / height;
    workers.run(
        tiles * panels,
        (long) Math.min(height, rows) * packed.inFeatures * PANEL,
        (task, worker) -> {
          int from = task / panels * height;
          int to = Math.min(rows, from + height);
          multiply(out, x, packed.panels.get(task % panels), from, to, worker);
        });
  }

  /** The tallest tile that still gives every worker something to do. */
  private int tileHeight(int rows, int panels) {
    int height = MatmulLadder.TALLEST;
    while (height > SHORTEST_SHARED_TILE
        && (rows + height - 1) / height * panels < 2 * workers.threads()) {
      height /= 2;
    }
    return height;
  }

  private static void multiply(Tensor out, Tensor x, Panel panel, int from, int to, int worker) {
    float[] source = HeapFloats.of(x);
    float[] target = HeapFloats.of(out);
    int k = x.cols();
    FloatBuffer input = panel.ladder.input(worker);
    if (x.rowStride() == k) {
      input.put(0, source, HeapFloats.at(x, from), (to - from) * k);
    } else {
      for (int row = from; row < to; row++) {
        input.put((row - from) * k, source, HeapFloats.at(x, row), k);
      }
    }
    panel.ladder.multiply(to - from, panel.weight, worker);
    FloatBuffer output = panel.ladder.output(worker);
    for (int row = from; row < to; row++) {
      output.get(
          (row - from) * panel.columns,
          target,
          HeapFloats.at(out, row) + panel.from,
          panel.columns);
    }
  }

  @Override
  public void close() {
    ladders.clear(); // native memory goes with the last reference
  }
}
