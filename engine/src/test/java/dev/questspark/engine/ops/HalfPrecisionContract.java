package dev.questspark.engine.ops;

import static dev.questspark.engine.ops.HalfFloats.unitRoundoff;
import static dev.questspark.engine.ops.Tolerance.assertClose;

import dev.questspark.engine.ops.CacheScenario.Span;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The ops of a cache in 16 bits against double precision. Inputs are numbers that the dtype has, so
 * what remains is the float arithmetic of {@link Tolerance}, one rounding of what is stored (u of
 * its dtype), and, where the values are multiplied by rounded weights, one more of those (u of the
 * cache's dtype; values are at most 1, weights sum to 1). A subclass has a static method {@code
 * cases}.
 */
abstract class HalfPrecisionContract {
  final ReferenceTensorOps reference = new ReferenceTensorOps();
  final Random random = new Random(11);

  static final int[][] SHAPES = { // KV heads, group, head_dim, page size, window, digest block size
    {2, 1, 16, 16, 0, 16},
    {1, 4, 64, 16, 0, 16},
    {2, 7, 96, 32, 33, 32},
    {1, 2, 128, 16, 100, 16},
    {1, 1, 256, 16, 0, 16},
    {2, 7, 64, 16, 0, 8},
    {1, 2, 64, 16, 45, 4}
  };

  /**
   * Activations, cache, KV heads, group, head_dim, page size, window, digest block size.
   *
   * @param roundsWeights whether the weights are rounded to the cache's dtype
   */
  record Case(
      DType act,
      DType kv,
      boolean roundsWeights,
      int kvHeads,
      int group,
      int headDim,
      int pageSize,
      int window,
      int blockSize) {

    static Case of(DType act, DType kv, boolean roundsWeights, int[] s) {
      return new Case(act, kv, roundsWeights, s[0], s[1], s[2], s[3], s[4], s[5]);
    }

    CacheScenario scenario() {
      return scenario(
          List.of(new Span(0, 5), new Span(290, 3), new Span(33, 131), new Span(64, 1)));
    }

    /** More tokens than 64 parts of 256, in which attention is split on a GPU. */
    CacheScenario longScenario() {
      return scenario(List.of(new Span(17_000, 1)));
    }

    private CacheScenario scenario(List<Span> spans) {
      KvGeometry geometry = new KvGeometry(1, kvHeads, headDim, pageSize, kv, kv, blockSize);
      CacheScenario scenario = CacheScenario.of(new Random(7), geometry, window, group, spans);
      round(scenario.kv());
      return scenario;
    }

    void round(HostKv cache) {
      HalfFloats.round(cache.keys(), kv);
      HalfFloats.round(cache.values(), kv);
      cache.digests().values().forEach(rows -> HalfFloats.round(rows, kv));
    }

    /** The rounding of an output and of the weights that multiply the values. */
    double attentionTolerance(int tokens) {
      return attentionTolerance(roundsWeights, tokens);
    }

    private double attentionTolerance(boolean roundsWeights, int tokens) {
      double weights = roundsWeights ? unitRoundoff(kv) : 0;
      return unitRoundoff(act) + weights + Tolerance.average(headDim + tokens);
    }
  }

  /** Whether prefill rounds the weights to the cache's dtype. */
  boolean prefillRoundsWeights(Case c) {
    return c.roundsWeights();
  }

  /** A fresh backend with the case's activations and cache. */
  abstract Backend open(Case c);

  /** Copies already rounded numbers to the backend in the given dtype. */
  abstract Tensor upload(Backend on, HostTensor rounded, DType dtype);

  float[][] rounded(DType dtype, int rows, int cols) {
    return HalfFloats.round(GuardedTensor.random(random, rows, cols), dtype);
  }

  Tensor upload(Backend on, DType dtype, float[][] rounded) {
    return upload(on, HalfFloats.host(rounded, dtype), dtype);
  }

  private KvLayer upload(Backend on, HostKv kv) {
    DType dtype = kv.geometry().dtype();
    Map<PageScore, Tensor> digests = PageScores.map();
    kv.digests().forEach((score, rows) -> digests.put(score, upload(on, dtype, rows)));
    return new KvLayer(
        kv.geometry(),
        upload(on, dtype, kv.inMemory(on.keyOrder())),
        upload(on, dtype, kv.values()),
        digests,
        kv.window());
  }

  /** Queries that both dtypes have: the kernels bring them to the cache's. */
  private float[][] queries(Case c, CacheScenario scenario) {
    float[][] q = rounded(c.act(), scenario.batch().rows(), scenario.queryColumns());
    return HalfFloats.round(q, c.kv());
  }

  @ParameterizedTest
  @MethodSource("cases")
  void appendKv(Case c) {
    try (Backend on = open(c)) {
      CacheScenario before = c.scenario().beforeAppend();
      HostKv kv = before.kv();
      c.round(kv);
      RaggedBatch batch = before.batch();
      int kvColumns = c.kvHeads() * c.headDim();
      float[][] q = rounded(c.act(), batch.rows(), before.queryColumns());
      float[][] k = rounded(c.act(), batch.rows(), kvColumns);
      float[][] v = rounded(c.act(), batch.rows(), kvColumns);
      float[][] rope = GuardedTensor.random(random, 400, c.headDim());
      Tensor query = upload(on, c.act(), q);
      KvLayer layer = upload(on, kv);
      Tensor key = upload(on, c.act(), k);
      Tensor value = upload(on, c.act(), v);
      Tensor angles = upload(on, DType.F32, rope);
      on.ops().appendKv(layer, query, key, value, angles, on.load(batch));
      reference.appendKv(kv, q, k, v, rope, batch);
      double stored = unitRoundoff(c.kv()) + Tolerance.elementwise();
      double rotated = unitRoundoff(c.act()) + Tolerance.elementwise();
      assertClose("q", GuardedTensor.matrix(on, query), q, rotated);
      assertClose("keys", HostKv.keys(on, layer), kv.keys(), stored);
      assertClose("values", GuardedTensor.matrix(on, layer.values()), kv.values(), stored);
      checkDigests(on, c, layer, kv);
    }
  }

  /** The minimum and maximum are keys, exactly; mean and deviation follow the stored keys. */
  private void checkDigests(Backend on, Case c, KvLayer layer, HostKv kv) {
    float[][] stored = HostKv.keys(on, layer);
    for (int row = 0; row < stored.length; row++) {
      System.arraycopy(stored[row], 0, kv.keys()[row], 0, stored[row].length);
    }
    for (PageScore score : PageScores.KNOWN) {
      float[][] expected = kv.digests().get(score);
      for (int entry = 0; entry < expected.length; entry++) {
        int perPage = kv.geometry().blocksPerPage();
        int page = entry / c.kvHeads() / perPage;
        int block = entry / c.kvHeads() % perPage;
        int head = entry % c.kvHeads();
        int slot = block * c.blockSize();
        int tokens = 0;
        while (tokens < c.blockSize() && !Float.isNaN(kv.key(page, head, slot + tokens)[0])) {
          tokens++;
        }
        if (tokens > 0) {
          reference.digest(kv, score, page, block, head, tokens);
        }
      }
      double tolerance = score == PageScores.MINMAX ? 0 : unitRoundoff(c.kv()) + 1e-6;
      float[][] actual = GuardedTensor.matrix(on, layer.digests().get(score));
      for (int entry = 0; entry < expected.length; entry++) {
        if (!Float.isNaN(expected[entry][0])) {
          assertClose(score + " digest " + entry, actual[entry], expected[entry], tolerance);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void scorePages(Case c) {
    try (Backend on = open(c)) {
      CacheScenario scenario = c.scenario();
      HostKv kv = scenario.kv();
      RaggedBatch batch = scenario.batch();
      float[][] q = rounded(c.act(), batch.rows(), scenario.queryColumns());
      Tensor scores = on.allocate(batch.rows() * c.kvHeads(), scenario.longest(c.blockSize()));
      Tensor query = upload(on, c.act(), q);
      KvLayer layer = upload(on, kv);
      RowRange rows = new RowRange(0, batch.rows());
      for (PageScore score : PageScores.KNOWN) {
        GroupReduction reduction =
            score == PageScores.MINMAX ? GroupReduction.MAX : GroupReduction.SUM;
        PageBudget one = new PageBudget(c.blockSize(), 1, 0, 0, 0);
        on.ops()
            .scorePages(
                scores, query, layer, on.load(batch), rows, Scoring.of(score, reduction), one);
        float[][] actual = GuardedTensor.matrix(on, scores);
        double tolerance = Tolerance.dot(2 * c.headDim() * c.group());
        for (int r = 0; r < batch.rows(); r++) {
          int position = batch.positions()[r];
          int first = kv.firstVisible(position) / c.blockSize();
          int end = position / c.blockSize();
          for (int h = 0; h < c.kvHeads(); h++) {
            double[] expected =
                reference.scores(kv, q[r], batch, r, h, first, end, score, reduction);
            for (int block = first; block < end; block++) {
              float[] found = {actual[r * c.kvHeads() + h][block]};
              float[] other = {(float) expected[block - first]};
              assertClose(score + " block " + block, found, other, tolerance);
            }
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void attendPages(Case c) {
    attendPages(
        c,
        c.scenario(),
        List.of(
            PageBudget.all(c.pageSize()),
            new PageBudget(c.pageSize(), 3, 5, 20, 0),
            PageBudget.all(c.blockSize()),
            new PageBudget(c.blockSize(), 5, 5, 20, 0)));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void attendPagesOfALongSequence(Case c) {
    attendPages(c, c.longScenario(), List.of(PageBudget.all(c.pageSize())));
  }

  private void attendPages(Case c, CacheScenario scenario, List<PageBudget> budgets) {
    try (Backend on = open(c)) {
      RaggedBatch batch = scenario.batch();
      float[][] q = queries(c, scenario);
      Tensor query = upload(on, c.act(), q);
      Tensor out = on.allocate(c.act(), batch.rows(), scenario.queryColumns());
      Tensor sums = on.allocate(batch.rows(), scenario.queryHeads());
      KvLayer layer = upload(on, scenario.kv());
      RowRange rows = new RowRange(0, batch.rows());
      PageList list =
          on.allocatePageList(batch.rows(), c.kvHeads(), scenario.longest(c.blockSize()));
      for (PageBudget budget : budgets) {
        LoadedBatch loaded = on.load(batch);
        on.ops().keepPages(list, layer, loaded, rows, budget);
        on.ops().attendPages(out, sums, query, layer, loaded, rows, list, 0.125f);
        float[][] actual = GuardedTensor.matrix(on, out);
        float[][] actualSums = GuardedTensor.matrix(on, sums);
        for (int r = 0; r < batch.rows(); r++) {
          int[][] lists = new int[c.kvHeads()][];
          Arrays.fill(
              lists, reference.choosePages(scenario.kv(), batch.positions()[r], budget, null));
          var expected =
              reference.attend(scenario.kv(), q[r], batch, r, lists, list.unit(), 0.125f);
          double tolerance = c.attentionTolerance(batch.positions()[r] + 1);
          assertClose("out row " + r, actual[r], expected.out(), tolerance);
          assertClose("logSumExp row " + r, actualSums[r], expected.logSumExp(), tolerance);
        }
      }
      list.close();
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void attendPrefill(Case c) {
    try (Backend on = open(c)) {
      CacheScenario scenario = c.scenario();
      RaggedBatch batch = scenario.batch();
      float[][] q = queries(c, scenario);
      Tensor query = upload(on, c.act(), q);
      Tensor out = on.allocate(c.act(), batch.rows(), scenario.queryColumns());
      KvLayer layer = upload(on, scenario.kv());
      on.ops().attendPrefill(out, query, layer, on.load(batch), 0, batch.spans(), 0.125f);
      float[][] actual = GuardedTensor.matrix(on, out);
      for (int r = 0; r < batch.rows(); r++) {
        int[][] lists = new int[c.kvHeads()][];
        Arrays.fill(
            lists,
            reference.choosePages(
                scenario.kv(), batch.positions()[r], PageBudget.all(c.pageSize()), null));
        float[] expected =
            reference.attend(scenario.kv(), q[r], batch, r, lists, c.pageSize(), 0.125f).out();
        double tolerance = c.attentionTolerance(prefillRoundsWeights(c), batch.positions()[r] + 1);
        assertClose("out row " + r, actual[r], expected, tolerance);
      }
    }
  }
}
