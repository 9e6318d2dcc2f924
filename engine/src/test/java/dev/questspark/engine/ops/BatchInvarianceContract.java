package dev.questspark.engine.ops;

import static dev.questspark.engine.ops.Tolerance.assertClose;

import dev.questspark.engine.ops.CacheScenario.Span;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScores;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * With {@code batch_invariant}, not one bit of a row may show which rows it was computed with,
 * where it stood among them, how its sequence was cut into chunks, or how many threads there were.
 */
public abstract class BatchInvarianceContract {
  /** A fresh backend. */
  protected abstract Backend open(BackendOptions options);

  @ParameterizedTest
  @CsvSource({
    "1,1",
    "64,64",
    "256,768",
    "127,96",
    "1024,257",
    "1025,33",
    "2048,512",
    "1500,520",
    "4096,65",
    "688,1100"
  })
  void linear(int in, int out) {
    for (DType dtype : List.of(DType.F32, DType.BF16)) {
      try (Backend two = open(new BackendOptions(2, dtype, true));
          Backend one = open(new BackendOptions(1, dtype, true))) {
        linear(two, one, in, out);
      }
    }
  }

  private static void linear(Backend two, Backend one, int in, int out) {
    Random random = new Random(3);
    int rows = 131;
    float[][] x = GuardedTensor.random(random, rows, in);
    List<HostTensor> weight =
        List.of(GuardedTensor.host("w", GuardedTensor.random(random, out, in)));
    List<HostTensor> bias = List.of(GuardedTensor.host("b", GuardedTensor.random(random, 1, out)));
    LinearWeight packed = two.pack(weight, bias);
    float[][] together = multiply(two, x, packed, out);
    float[][] oneThread = multiply(one, x, one.pack(weight, bias), out);
    assertClose("threads", oneThread, together, Tolerance.exact());
    for (int chunk : new int[] {1, 2, 3, 5, 8, 37, 64}) {
      for (int from = 0; from < rows; from += chunk) {
        int to = Math.min(rows, from + chunk);
        float[][] part = multiply(two, Arrays.copyOfRange(x, from, to), packed, out);
        float[][] expected = Arrays.copyOfRange(together, from, to);
        assertClose("rows " + from + " by " + chunk, part, expected, Tolerance.exact());
      }
    }
  }

  /** Enough rows for two of the CPU's tallest tiles and some that fill none. */
  @ParameterizedTest
  @CsvSource({"F32, 896, 1100", "F32, 1030, 513", "BF16, 300, 1100"})
  void linearOfManyRows(DType dtype, int in, int out) {
    Random random = new Random(4);
    float[][] x = GuardedTensor.random(random, 581, in);
    List<HostTensor> weight =
        List.of(GuardedTensor.host("w", GuardedTensor.random(random, out, in)));
    try (Backend backend = open(new BackendOptions(2, dtype, true))) {
      LinearWeight packed = backend.pack(weight, List.of());
      float[][] together = multiply(backend, x, packed, out);
      for (int chunk : new int[] {1, 100}) {
        for (int from = 0; from + chunk <= x.length; from += chunk + 12) {
          float[][] part = Arrays.copyOfRange(x, from, from + chunk);
          float[][] expected = Arrays.copyOfRange(together, from, from + chunk);
          assertClose(
              "rows from " + from,
              multiply(backend, part, packed, out),
              expected,
              Tolerance.exact());
        }
      }
    }
  }

  private static float[][] multiply(Backend on, float[][] x, LinearWeight weight, int out) {
    GuardedTensor result = GuardedTensor.blank(on, x.length, out);
    on.ops().linear(result.view(), GuardedTensor.of(on, x).view(), weight);
    return result.read();
  }

  /** One sequence of 300 tokens through every op of an attention layer. */
  private record Layer(
      KvGeometry geometry, int group, int window, float[][] q, float[][] k, float[][] v) {
    @Override
    public String toString() {
      return geometry + ", group " + group + ", window " + window;
    }
  }

  private static final int TOKENS = 300;
  private static final int PAGES = 400;

  static List<Layer> layers() {
    int[][] shapes = { // KV heads, group, head_dim, page size, window
      {4, 1, 64, 16, 0},
      {2, 4, 32, 16, 0},
      {1, 7, 128, 32, 0},
      {2, 2, 96, 4, 50}
    };
    List<Layer> layers = new ArrayList<>();
    for (int[] s : shapes) {
      Random random = new Random(5);
      float[][] q = GuardedTensor.random(random, TOKENS, s[0] * s[1] * s[2]);
      float[][] k = GuardedTensor.random(random, TOKENS, s[0] * s[2]);
      float[][] v = GuardedTensor.random(random, TOKENS, s[0] * s[2]);
      for (DType dtype : List.of(DType.F32, DType.BF16)) {
        KvGeometry geometry = new KvGeometry(1, s[0], s[2], s[3], dtype);
        layers.add(new Layer(geometry, s[1], s[4], q, k, v));
      }
    }
    return layers;
  }

  static List<Layer> floatLayers() {
    return layers().stream().filter(layer -> layer.geometry.dtype() == DType.F32).toList();
  }

  /** What a row of a layer comes to: rotated query, prefill, chosen pages, sparse attention. */
  private record Result(
      float[][] q, float[][] prefill, float[][] sparse, float[][] logSumExp, int[][][] pages) {}

  @ParameterizedTest
  @MethodSource("layers")
  void chunksOfOneSequence(Layer layer) {
    DType dtype = layer.geometry.dtype();
    try (Backend backend = open(new BackendOptions(2, dtype, true));
        Backend single = open(new BackendOptions(1, dtype, true))) {
      Result whole = run(backend, layer, TOKENS, false);
      expectSame("one thread", run(single, layer, TOKENS, false), whole);
      for (int chunk : new int[] {1, 37, 64}) {
        expectSame("chunks of " + chunk, run(backend, layer, chunk, false), whole);
        expectSame("mixed batch, chunks of " + chunk, run(backend, layer, chunk, true), whole);
      }
    }
  }

  private static void expectSame(String what, Result actual, Result expected) {
    assertClose(what + ": q", actual.q, expected.q, Tolerance.exact());
    assertClose(what + ": prefill", actual.prefill, expected.prefill, Tolerance.exact());
    assertClose(what + ": sparse", actual.sparse, expected.sparse, Tolerance.exact());
    assertClose(what + ": lse", actual.logSumExp, expected.logSumExp, Tolerance.exact());
    org.assertj.core.api.Assertions.assertThat(actual.pages).as(what).isDeepEqualTo(expected.pages);
  }

  /**
   * Runs the sequence in chunks.
   *
   * @param mixed put a stranger's 5 rows before each chunk, so that rows stand elsewhere
   */
  private static Result run(Backend backend, Layer layer, int chunk, boolean mixed) {
    KvGeometry g = layer.geometry;
    int strangers = mixed ? 5 : 0;
    int heads = g.kvHeads() * layer.group;
    int kvRows = PAGES * g.kvHeads();
    KvLayer kv =
        new KvLayer(
            g,
            backend.allocate(g.dtype(), kvRows * g.pageSize(), g.headDim()),
            backend.allocate(g.dtype(), kvRows * g.pageSize(), g.headDim()),
            Map.of(
                PageScores.MINMAX, backend.allocate(g.dtype(), kvRows, 2 * g.headDim()),
                PageScores.MEANSTD, backend.allocate(g.dtype(), kvRows, 2 * g.headDim())),
            layer.window);
    Tensor rope =
        backend.upload(
            GuardedTensor.host("rope", GuardedTensor.random(new Random(1), TOKENS, g.headDim())));
    Result result =
        new Result(
            new float[TOKENS][],
            new float[TOKENS][],
            new float[TOKENS][],
            new float[TOKENS][],
            new int[TOKENS][][]);
    PageBudget budget = new PageBudget(g.pageSize(), 3, 1, 1, 0);
    for (int from = 0; from < TOKENS; from += chunk) {
      int count = Math.min(chunk, TOKENS - from);
      int rows = strangers + count;
      LoadedBatch batch = backend.load(batch(g, strangers, from, count));
      GuardedTensor q = rows(backend, layer.q, strangers, from, count);
      GuardedTensor prefill = GuardedTensor.blank(backend, rows, heads * g.headDim());
      GuardedTensor sparse = GuardedTensor.blank(backend, rows, heads * g.headDim());
      GuardedTensor sums = GuardedTensor.blank(backend, rows, heads);
      TensorOps ops = backend.ops();
      Tensor k = rows(backend, layer.k, strangers, from, count).view();
      Tensor v = rows(backend, layer.v, strangers, from, count).view();
      ops.appendKv(kv, q.view(), k, v, rope, batch);
      int spans = batch.host().spans();
      ops.attendPrefill(prefill.view(), q.view(), kv, batch, 0, spans, 0.125f);
      RowRange all = new RowRange(0, rows);
      Tensor scores = backend.allocate(rows * g.kvHeads(), g.pagesFor(TOKENS));
      PageList list = backend.allocatePageList(rows, g.kvHeads(), g.pagesFor(TOKENS));
      ops.scorePages(
          scores,
          q.view(),
          kv,
          batch,
          all,
          Scoring.of(PageScores.MINMAX, GroupReduction.MAX),
          budget);
      ops.topPages(list, scores, g.pageSize(), kv, batch, all, budget);
      ops.attendPages(sparse.view(), sums.view(), q.view(), kv, batch, all, list, 0.125f);
      collect(result.q, q.read(), strangers, from);
      collect(result.prefill, prefill.read(), strangers, from);
      collect(result.sparse, sparse.read(), strangers, from);
      collect(result.logSumExp, sums.read(), strangers, from);
      for (int r = 0; r < count; r++) {
        result.pages[from + r] = new int[g.kvHeads()][];
        for (int h = 0; h < g.kvHeads(); h++) {
          result.pages[from + r][h] = list.read(strangers + r, h);
        }
      }
    }
    return result;
  }

  /** The sequence's rows, on pages counted from 0; strangers restart at 0 on pages from the end. */
  private static RaggedBatch batch(KvGeometry g, int strangers, int from, int count) {
    int strangerPages = strangers == 0 ? 0 : g.pagesFor(strangers);
    int pages = g.pagesFor(from + count);
    int[] positions = new int[strangers + count];
    for (int r = 0; r < positions.length; r++) {
      positions[r] = r < strangers ? r : from + r - strangers;
    }
    int[] table = new int[strangerPages + pages];
    for (int i = 0; i < table.length; i++) {
      table[i] = i < strangerPages ? PAGES - 1 - i : i - strangerPages;
    }
    boolean alone = strangers == 0;
    return new RaggedBatch(
        new int[positions.length],
        positions,
        alone ? new int[] {0, count} : new int[] {0, strangers, positions.length},
        alone ? new int[] {0, pages} : new int[] {0, strangerPages, table.length},
        table,
        new int[0]);
  }

  private static GuardedTensor rows(
      Backend backend, float[][] source, int strangers, int from, int count) {
    float[][] rows = new float[strangers + count][];
    for (int r = 0; r < rows.length; r++) {
      rows[r] = r < strangers ? source[TOKENS - 1 - r] : source[from + r - strangers];
    }
    return GuardedTensor.of(backend, rows);
  }

  private static void collect(float[][] target, float[][] rows, int strangers, int from) {
    System.arraycopy(rows, strangers, target, from, rows.length - strangers);
  }

  @ParameterizedTest
  @CsvSource({"1", "2", "37"})
  void rowOps(int chunk) {
    try (Backend backend = open(new BackendOptions(2, DType.F32, true))) {
      Random random = new Random(9);
      int rows = 75;
      float[][] x = GuardedTensor.random(random, rows, 2 * 96);
      Tensor gain = backend.upload(GuardedTensor.host("gain", GuardedTensor.random(random, 1, 96)));
      float[][] norms = norm(backend, x, gain);
      float[][] gates = gate(backend, x);
      for (int from = 0; from < rows; from += chunk) {
        int to = Math.min(rows, from + chunk);
        float[][] part = Arrays.copyOfRange(x, from, to);
        float[][] norm = Arrays.copyOfRange(norms, from, to);
        assertClose("rmsNorm", norm(backend, part, gain), norm, Tolerance.exact());
        float[][] gated = Arrays.copyOfRange(gates, from, to);
        assertClose("siluMul", gate(backend, part), gated, Tolerance.exact());
      }
    }
  }

  private static float[][] norm(Backend backend, float[][] x, Tensor gain) {
    GuardedTensor out = GuardedTensor.blank(backend, x.length, x[0].length);
    backend.ops().rmsNorm(out.view(), GuardedTensor.of(backend, x).view(), gain, 1e-6f);
    return out.read();
  }

  private static float[][] gate(Backend backend, float[][] x) {
    GuardedTensor out = GuardedTensor.blank(backend, x.length, x[0].length / 2);
    backend.ops().siluMul(out.view(), GuardedTensor.of(backend, x).view());
    return out.read();
  }

  /** Shared pages hold the same bits whoever reads them: a fork reads as its parent does. */
  @ParameterizedTest
  @MethodSource("floatLayers")
  void sharedPrefixes(Layer layer) {
    KvGeometry g = layer.geometry;
    Span document = new Span(TOKENS - 3, 3);
    CacheScenario scenario =
        CacheScenario.of(new Random(2), g, layer.window, layer.group, List.of(document, document));
    try (Backend backend = open(new BackendOptions(2, DType.F32, true))) {
      RaggedBatch b = scenario.batch();
      float[][] q = GuardedTensor.random(new Random(4), 3, scenario.queryColumns());
      float[][] twice = {q[0], q[1], q[2], q[0], q[1], q[2]};
      // Both spans on the first one's pages.
      int pages = b.spanPages()[1];
      int[] table = b.pageTable().clone();
      System.arraycopy(table, 0, table, pages, pages);
      RaggedBatch shared =
          new RaggedBatch(
              b.tokens(), b.positions(), b.spanRows(), b.spanPages(), table, b.logitRows());
      GuardedTensor out = GuardedTensor.blank(backend, 6, scenario.queryColumns());
      Tensor query = GuardedTensor.of(backend, twice).view();
      KvLayer kv = scenario.kv().upload(backend);
      backend.ops().attendPrefill(out.view(), query, kv, backend.load(shared), 0, 2, 0.125f);
      float[][] rows = out.read();
      float[][] first = Arrays.copyOfRange(rows, 0, 3);
      assertClose("fork", Arrays.copyOfRange(rows, 3, 6), first, Tolerance.exact());
    }
  }
}
