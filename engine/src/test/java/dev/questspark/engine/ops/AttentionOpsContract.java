package dev.questspark.engine.ops;

import static dev.questspark.engine.ops.Tolerance.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.questspark.engine.ops.CacheScenario.Span;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The ops that attend, over a cache: part of {@link TensorOpsContract}. */
abstract class AttentionOpsContract extends RowOpsContract {
  static final float SCALE = 0.125f;

  static List<PageBudget> budgets(int unit) {
    return List.of(
        PageBudget.all(unit),
        new PageBudget(unit, 1, 0, 0, 0),
        new PageBudget(unit, 2, 1, 1, 0),
        new PageBudget(unit, 3, 20, 0, 0),
        new PageBudget(unit, 4, 5, 40, 0),
        new PageBudget(unit, 5, 0, 17, 40));
  }

  static List<PageBudget> few(int unit) {
    return List.of(PageBudget.all(unit), new PageBudget(unit, 6, 5, 17, 0));
  }

  /** What is chosen one by one and read as a whole, in tokens. */
  static Set<Integer> units(KvGeometry geometry) {
    return geometry.digestBlockSize() == geometry.pageSize()
        ? Set.of(geometry.pageSize())
        : new TreeSet<>(List.of(1, geometry.digestBlockSize(), geometry.pageSize()));
  }

  static List<CacheScenario> scenarios() {
    List<List<Span>> batches =
        List.of(
            List.of(new Span(0, 1)),
            List.of(new Span(0, 37)),
            List.of(new Span(0, 5), new Span(31, 1), new Span(16, 17), new Span(64, 3)),
            List.of(new Span(15, 1), new Span(16, 1), new Span(17, 1), new Span(290, 2)),
            List.of(new Span(33, 131), new Span(0, 64)));
    int[][] shapes = { // KV heads, group, head_dim, page size, window, digest block size
      {1, 1, 16, 1, 0, 1},
      {2, 1, 64, 16, 0, 16},
      {1, 2, 32, 4, 0, 4},
      {3, 4, 16, 16, 7, 16},
      {2, 7, 128, 32, 0, 32},
      {4, 1, 96, 16, 33, 16},
      {1, 4, 64, 16, 100, 16},
      {2, 3, 64, 16, 0, 8},
      {1, 2, 48, 32, 41, 8},
      {3, 1, 16, 16, 21, 4},
      {1, 2, 32, 48, 0, 24}
    };
    List<CacheScenario> scenarios = new ArrayList<>();
    for (int[] s : shapes) {
      for (List<Span> spans : batches) {
        KvGeometry geometry = new KvGeometry(1, s[0], s[2], s[3], DType.F32, DType.F32, s[5]);
        scenarios.add(CacheScenario.of(new Random(7), geometry, s[4], s[1], spans));
      }
    }
    return scenarios;
  }

  @ParameterizedTest
  @MethodSource("scenarios")
  void attendPages(CacheScenario scenario) {
    HostKv kv = scenario.kv();
    RaggedBatch batch = scenario.batch();
    int kvHeads = kv.geometry().kvHeads();
    RowRange rows = new RowRange(batch.rows() / 3, batch.rows());
    float[][] q = GuardedTensor.random(random, batch.rows(), scenario.queryColumns());
    KvLayer layer = kv.upload(backend);
    Tensor query = GuardedTensor.of(backend, q).view();
    GuardedTensor dense = GuardedTensor.blank(backend, batch.rows(), scenario.queryColumns());
    GuardedTensor denseSums = GuardedTensor.blank(backend, batch.rows(), scenario.queryHeads());
    LoadedBatch loadedDense = backend.load(batch);
    try (PageList list =
        backend.allocatePageList(
            rows.count(), kvHeads, scenario.longest(kv.geometry().pageSize()))) {
      PageBudget all = PageBudget.all(kv.geometry().pageSize());
      ops.keepPages(list, layer, loadedDense, rows, all);
      ops.attendPages(dense.view(), denseSums.view(), query, layer, loadedDense, rows, list, SCALE);
    }
    KvGeometry geometry = kv.geometry();
    for (int unit : units(geometry)) {
      int entries = scenario.longest(unit);
      Tensor scores =
          GuardedTensor.of(backend, GuardedTensor.random(random, rows.count() * kvHeads, entries))
              .view();
      for (PageBudget budget : unit == geometry.pageSize() ? budgets(unit) : few(unit)) {
        LoadedBatch loaded = backend.load(batch);
        GuardedTensor out = GuardedTensor.blank(backend, batch.rows(), scenario.queryColumns());
        GuardedTensor sums = GuardedTensor.blank(backend, batch.rows(), scenario.queryHeads());
        try (PageList list = backend.allocatePageList(rows.count(), kvHeads, entries)) {
          ops.topPages(list, scores, unit, layer, loaded, rows, budget);
          ops.attendPages(out.view(), sums.view(), query, layer, loaded, rows, list, SCALE);
          checkAttended(scenario, q, rows, list, out.read(), sums.read(), loaded.counters());
          if (budget.units() == Integer.MAX_VALUE) {
            assertClose("dense by " + unit, out.read(), dense.read(), Tolerance.exact());
            assertClose("sums by " + unit, sums.read(), denseSums.read(), Tolerance.exact());
          }
        }
      }
    }
  }

  /** More tokens than 64 parts of 256, in which attention is split on a GPU. */
  @Test
  void attendPagesOfALongSequence() {
    KvGeometry geometry = new KvGeometry(1, 2, 16, 16, DType.F32);
    CacheScenario scenario = CacheScenario.of(random, geometry, 0, 2, List.of(new Span(19_000, 2)));
    float[][] q = GuardedTensor.random(random, 2, scenario.queryColumns());
    GuardedTensor out = GuardedTensor.blank(backend, 2, scenario.queryColumns());
    GuardedTensor sums = GuardedTensor.blank(backend, 2, scenario.queryHeads());
    KvLayer layer = scenario.kv().upload(backend);
    LoadedBatch loaded = backend.load(scenario.batch());
    RowRange rows = new RowRange(0, 2);
    try (PageList list = backend.allocatePageList(2, 2, scenario.longestPages())) {
      ops.keepPages(list, layer, loaded, rows, PageBudget.all(16));
      Tensor query = GuardedTensor.of(backend, q).view();
      ops.attendPages(out.view(), sums.view(), query, layer, loaded, rows, list, 0.125f);
      checkAttended(scenario, q, rows, list, out.read(), sums.read(), loaded.counters());
    }
  }

  private void checkAttended(
      CacheScenario scenario,
      float[][] q,
      RowRange rows,
      PageList list,
      float[][] out,
      float[][] sums,
      ReadCounters counters) {
    int kvHeads = scenario.kv().geometry().kvHeads();
    for (int r = 0; r < scenario.batch().rows(); r++) {
      if (r < rows.from()) {
        assertThat(GuardedTensor.untouched(out[r]) && GuardedTensor.untouched(sums[r])).isTrue();
        assertThat(counters.pagesAttended()[r]).isZero();
        continue;
      }
      int[][] lists = new int[kvHeads][];
      for (int h = 0; h < kvHeads; h++) {
        lists[h] = list.read(r - rows.from(), h);
      }
      ReferenceTensorOps.Attended expected =
          reference.attend(scenario.kv(), q[r], scenario.batch(), r, lists, list.unit(), 0.125f);
      int tokens = scenario.batch().positions()[r] + 1;
      double tolerance = Tolerance.average(scenario.kv().geometry().headDim() + tokens);
      assertClose("out row " + r, out[r], expected.out(), tolerance);
      assertClose("logSumExp row " + r, sums[r], expected.logSumExp(), tolerance);
      assertThat(counters.tokensAttended()[r]).isEqualTo(expected.tokens());
      assertThat(counters.pagesAttended()[r])
          .isEqualTo(Arrays.stream(lists).mapToInt(pages -> pages.length).sum());
    }
  }

  @ParameterizedTest
  @MethodSource("scenarios")
  void columnMass(CacheScenario scenario) {
    RaggedBatch batch = scenario.batch();
    int lastSpan = batch.spans() - 1;
    RowRange rows = new RowRange(batch.spanRows()[lastSpan], batch.rows());
    int middle = rows.from() + rows.count() / 3;
    int columns = Math.max(1, batch.positions()[batch.rows() - 1] * 2 / 3);
    float[][] q = GuardedTensor.random(random, batch.rows(), scenario.queryColumns());
    Tensor query = GuardedTensor.of(backend, q).view();
    KvLayer layer = scenario.kv().upload(backend);
    LoadedBatch loaded = backend.load(batch);
    for (float cap : new float[] {0, 0.3f}) {
      GuardedTensor whole = GuardedTensor.blank(backend, scenario.queryHeads(), columns);
      GuardedTensor sums = GuardedTensor.blank(backend, batch.rows(), scenario.queryHeads());
      ops.columnMass(whole.view(), sums.view(), query, layer, loaded, rows, 0.5f, cap, false);
      double[][] expected = reference.columnMass(scenario.kv(), q, batch, rows, columns, 0.5f, cap);
      float[][] actual = whole.read();
      for (int head = 0; head < expected.length; head++) {
        for (int at = 0; at < columns; at++) {
          assertThat((double) actual[head][at])
              .as("head %d, position %d", head, at)
              .isCloseTo(expected[head][at], within(2e-6 * rows.count()));
        }
      }
      GuardedTensor parts = GuardedTensor.blank(backend, scenario.queryHeads(), columns);
      for (RowRange part :
          List.of(new RowRange(rows.from(), middle), new RowRange(middle, rows.to()))) {
        boolean add = part.from() > rows.from();
        ops.columnMass(parts.view(), sums.view(), query, layer, loaded, part, 0.5f, cap, add);
      }
      assertClose("in two steps", parts.read(), actual, Tolerance.exact());
      for (int r = 0; r < rows.from(); r++) {
        assertThat(GuardedTensor.untouched(sums.read()[r])).isTrue();
      }
    }
  }

  @ParameterizedTest
  @MethodSource("scenarios")
  void attendPrefill(CacheScenario scenario) {
    HostKv kv = scenario.kv();
    RaggedBatch batch = scenario.batch();
    int fromSpan = batch.spans() / 3;
    float[][] q = GuardedTensor.random(random, batch.rows(), scenario.queryColumns());
    GuardedTensor out = GuardedTensor.blank(backend, batch.rows(), scenario.queryColumns());
    LoadedBatch loaded = backend.load(batch);
    ops.attendPrefill(
        out.view(),
        GuardedTensor.of(backend, q).view(),
        kv.upload(backend),
        loaded,
        fromSpan,
        batch.spans(),
        0.125f);
    float[][] actual = out.read();
    for (int r = 0; r < batch.rows(); r++) {
      if (r < batch.spanRows()[fromSpan]) {
        assertThat(GuardedTensor.untouched(actual[r])).as("row %d of another span", r).isTrue();
        continue;
      }
      int[][] all = new int[kv.geometry().kvHeads()][];
      Arrays.fill(
          all,
          reference.choosePages(
              kv, batch.positions()[r], PageBudget.all(kv.geometry().pageSize()), null));
      float[] expected =
          reference.attend(kv, q[r], batch, r, all, kv.geometry().pageSize(), 0.125f).out();
      double tolerance = Tolerance.average(kv.geometry().headDim() + 300);
      assertClose("out row " + r, actual[r], expected, tolerance);
    }
    assertThat(loaded.counters().tokensAttended()).as("prefill is not counted").containsOnly(0);
  }

  /** Gemma 2's: on 5 of the scenarios, with a cap that bends most logits. */
  @Test
  void attendUnderACap() {
    for (int i = 3; i < scenarios().size(); i += 7) {
      CacheScenario scenario = scenarios().get(i);
      RaggedBatch batch = scenario.batch();
      HostKv kv = scenario.kv();
      int kvHeads = kv.geometry().kvHeads();
      int pageSize = kv.geometry().pageSize();
      PageBudget whole = PageBudget.all(pageSize);
      float[][] q = GuardedTensor.random(random, batch.rows(), scenario.queryColumns());
      Tensor query = GuardedTensor.of(backend, q).view();
      KvLayer layer = kv.upload(backend);
      LoadedBatch loaded = backend.load(batch);
      RowRange rows = new RowRange(0, batch.rows());
      GuardedTensor prefill = GuardedTensor.blank(backend, batch.rows(), scenario.queryColumns());
      GuardedTensor out = GuardedTensor.blank(backend, batch.rows(), scenario.queryColumns());
      GuardedTensor sums = GuardedTensor.blank(backend, batch.rows(), scenario.queryHeads());
      ops.attendPrefill(prefill.view(), query, layer, loaded, 0, batch.spans(), 0.5f, 0.3f);
      try (PageList list =
          backend.allocatePageList(batch.rows(), kvHeads, scenario.longestPages())) {
        ops.keepPages(list, layer, loaded, rows, whole);
        ops.attendPages(out.view(), sums.view(), query, layer, loaded, rows, list, 0.5f, 0.3f);
      }
      float[][] inPages = out.read();
      float[][] inPrefill = prefill.read();
      for (int r = 0; r < batch.rows(); r++) {
        int[][] all = new int[kvHeads][];
        Arrays.fill(all, reference.choosePages(kv, batch.positions()[r], whole, null));
        ReferenceTensorOps.Attended expected =
            reference.attend(kv, q[r], batch, r, all, pageSize, 0.5f, 0.3f);
        double tolerance = Tolerance.average(kv.geometry().headDim() + 300);
        assertClose("pages, row " + r, inPages[r], expected.out(), tolerance);
        assertClose("prefill, row " + r, inPrefill[r], expected.out(), tolerance);
      }
    }
  }
}
