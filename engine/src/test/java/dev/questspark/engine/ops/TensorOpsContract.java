package dev.questspark.engine.ops;

import static dev.questspark.engine.ops.Tolerance.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.questspark.engine.ops.CacheScenario.Span;
import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What every backend must do, op by op, against {@link ReferenceTensorOps}: the ops over the cache
 * here, those without one inherited. A backend's test is a subclass that opens it.
 */
public abstract class TensorOpsContract extends RowOpsContract {
  private static final float SCALE = 0.125f;

  private static List<PageBudget> budgets(int unit) {
    return List.of(
        PageBudget.all(unit),
        new PageBudget(unit, 1, 0, 0, 0),
        new PageBudget(unit, 2, 1, 1, 0),
        new PageBudget(unit, 3, 20, 0, 0),
        new PageBudget(unit, 4, 5, 40, 0),
        new PageBudget(unit, 5, 0, 17, 40));
  }

  private static List<PageBudget> few(int unit) {
    return List.of(PageBudget.all(unit), new PageBudget(unit, 6, 5, 17, 0));
  }

  /** What is chosen one by one and read as a whole, in tokens. */
  private static Set<Integer> units(KvGeometry geometry) {
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
  void appendKv(CacheScenario full) {
    appendKv(full.beforeAppend(), full.batch());
    // Tokens were left out: a row turns by another position than it stands at.
    int[] turns = full.batch().positions().clone();
    for (int r = 0; r < turns.length; r++) {
      turns[r] += r / 3;
    }
    appendKv(full.beforeAppend(), full.batch().turning(turns));
  }

  private void appendKv(CacheScenario before, RaggedBatch batch) {
    HostKv kv = before.kv();
    int headDim = kv.geometry().headDim();
    float[][] q = GuardedTensor.random(random, batch.rows(), before.queryColumns());
    float[][] k = GuardedTensor.random(random, batch.rows(), kv.geometry().kvHeads() * headDim);
    float[][] v = GuardedTensor.random(random, batch.rows(), kv.geometry().kvHeads() * headDim);
    float[][] rope = GuardedTensor.random(random, 400, headDim);
    GuardedTensor query = GuardedTensor.of(backend, q);
    KvLayer layer = kv.upload(backend);
    ops.appendKv(
        layer,
        query.view(),
        GuardedTensor.of(backend, k).view(),
        GuardedTensor.of(backend, v).view(),
        GuardedTensor.of(backend, rope).view(),
        backend.load(batch));
    reference.appendKv(kv, q, k, v, rope, batch);
    assertClose("q", query.read(), q, Tolerance.elementwise());
    float[][] keys = HostKv.keys(backend, layer);
    assertClose("keys", keys, kv.keys(), Tolerance.elementwise());
    float[][] values = GuardedTensor.matrix(backend, layer.values());
    assertClose("values", values, kv.values(), Tolerance.exact());
    for (PageScore score : PageScores.KNOWN) {
      float[][] digests = GuardedTensor.matrix(backend, layer.digests().get(score));
      // A standard deviation is a root: near zero it magnifies the rounding of its argument.
      double tolerance = score == PageScores.MINMAX ? Tolerance.elementwise() : 1e-6;
      assertClose(score + " digests", digests, kv.digests().get(score), tolerance);
    }
  }

  @ParameterizedTest
  @MethodSource("scenarios")
  void copyPages(CacheScenario scenario) {
    HostKv kv = scenario.kv();
    KvLayer layer = kv.upload(backend);
    int pages = kv.keys().length / kv.geometry().kvHeads() / kv.geometry().pageSize();
    int source = scenario.batch().pageTable()[0];
    ops.copyPages(layer, new int[] {source, source}, new int[] {pages - 1, pages - 3});
    for (int target : new int[] {pages - 1, pages - 3}) {
      copy(kv.keys(), source, target, pages);
      copy(kv.values(), source, target, pages);
      kv.digests().values().forEach(rows -> copy(rows, source, target, pages));
    }
    assertClose("keys", HostKv.keys(backend, layer), kv.keys(), Tolerance.exact());
    assertClose(
        "values", GuardedTensor.matrix(backend, layer.values()), kv.values(), Tolerance.exact());
    for (Map.Entry<PageScore, Tensor> digest : layer.digests().entrySet()) {
      float[][] actual = GuardedTensor.matrix(backend, digest.getValue());
      assertClose("digests", actual, kv.digests().get(digest.getKey()), Tolerance.exact());
    }
  }

  private static void copy(float[][] rows, int source, int target, int pages) {
    int rowsPerPage = rows.length / pages;
    for (int i = 0; i < rowsPerPage; i++) {
      rows[target * rowsPerPage + i] = rows[source * rowsPerPage + i].clone();
    }
  }

  // ---- which pages

  @ParameterizedTest
  @MethodSource("scenarios")
  void scorePages(CacheScenario scenario) {
    float[][] q = GuardedTensor.random(random, scenario.batch().rows(), scenario.queryColumns());
    int block = scenario.kv().geometry().digestBlockSize();
    for (int unit : units(scenario.kv().geometry())) {
      for (PageScore score : PageScores.KNOWN) {
        for (GroupReduction reduction : GroupReduction.values()) {
          if (unit % block == 0) {
            scorePages(scenario, q, score, reduction, unit);
          }
        }
      }
    }
  }

  private void scorePages(
      CacheScenario scenario, float[][] q, PageScore score, GroupReduction reduction, int unit) {
    HostKv kv = scenario.kv();
    KvGeometry geometry = kv.geometry();
    RaggedBatch batch = scenario.batch();
    int kvHeads = geometry.kvHeads();
    int group = scenario.group();
    RowRange rows = new RowRange(batch.rows() / 4, batch.rows());
    PageBudget budget = new PageBudget(unit, 2, 0, 0, 0);
    LoadedBatch loaded = backend.load(batch);
    int cols = scenario.longest(geometry.digestBlockSize());
    GuardedTensor scores = GuardedTensor.blank(backend, rows.count() * kvHeads, cols);
    Tensor scratch = GuardedTensor.blank(backend, rows.count() * kvHeads * group, cols).view();
    ops.scorePages(
        scores.view(),
        GuardedTensor.of(backend, q).view(),
        kv.upload(backend),
        loaded,
        rows,
        new Scoring(score, reduction, SCALE, Optional.of(scratch)),
        budget);
    float[][] actual = scores.read();
    long[] counted = loaded.counters().pagesScored();
    for (int r = 0; r < batch.rows(); r++) {
      int position = batch.positions()[r];
      if (r < rows.from() || budget.readsAllFrom(kv.firstVisible(position), position)) {
        assertThat(counted[r]).as("digests scored by row %d", r).isZero();
        continue;
      }
      int first = kv.firstVisible(position) / geometry.digestBlockSize();
      int end = position / unit * (unit / geometry.digestBlockSize());
      assertThat(counted[r]).as("digests scored").isEqualTo((long) (end - first) * kvHeads);
      for (int h = 0; h < kvHeads; h++) {
        double[] expected = reference.scores(kv, q[r], batch, r, h, first, end, score, reduction);
        float[] found = actual[(r - rows.from()) * kvHeads + h];
        double tolerance = Tolerance.dot(2 * geometry.headDim() * group);
        for (int block = first; block < end; block++) {
          float[] one = {found[block]};
          float[] other = {(float) expected[block - first]};
          assertClose(score + " " + reduction + " block " + block, one, other, tolerance);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("scenarios")
  void topPagesAndKeepPages(CacheScenario scenario) {
    HostKv kv = scenario.kv();
    RaggedBatch batch = scenario.batch();
    int kvHeads = kv.geometry().kvHeads();
    RowRange rows = new RowRange(batch.rows() / 3, batch.rows());
    for (int unit : units(kv.geometry())) {
      int scored = Math.min(unit, kv.geometry().digestBlockSize());
      int entries = scenario.longest(unit);
      float[][] scores =
          GuardedTensor.random(random, rows.count() * kvHeads, scenario.longest(scored));
      for (float[] row : scores) {
        for (int i = 0; i < row.length; i++) {
          row[i] = Math.round(row[i] * 4) / 4f; // many ties, zeros of both signs
        }
        row[random.nextInt(row.length)] = Float.NaN;
        row[random.nextInt(row.length)] = Float.NEGATIVE_INFINITY;
      }
      KvLayer layer = kv.upload(backend);
      LoadedBatch loaded = backend.load(batch);
      Tensor given = GuardedTensor.of(backend, scores).view();
      try (PageList top = backend.allocatePageList(rows.count() + 1, kvHeads, entries);
          PageList kept = backend.allocatePageList(rows.count() + 1, kvHeads, entries)) {
        for (PageBudget budget : budgets(unit)) {
          ops.topPages(top, given, scored, layer, loaded, rows, budget);
          ops.keepPages(kept, layer, loaded, rows, budget);
          assertThat(List.of(top.unit(), kept.unit())).containsOnly(unit);
          for (int i = 0; i < rows.count(); i++) {
            int position = batch.positions()[rows.from() + i];
            for (int h = 0; h < kvHeads; h++) {
              float[] ofUnits =
                  ReferenceTensorOps.ofUnits(
                      scores[i * kvHeads + h], unit / scored, kv.firstVisible(position) / scored);
              assertThat(top.read(i, h))
                  .as("top units at position %d, %s", position, budget)
                  .isEqualTo(reference.choosePages(kv, position, budget, ofUnits));
              assertThat(kept.read(i, h))
                  .as("kept units at position %d, %s", position, budget)
                  .isEqualTo(reference.choosePages(kv, position, budget, null));
            }
          }
        }
      }
    }
  }

  /** As many pages as a book, and as a million tokens, of scores that are hard to tell apart. */
  @ParameterizedTest
  @ValueSource(ints = {300, 3000, 9000, 65_536})
  void topPagesOfALongSequence(int pages) {
    KvGeometry geometry = new KvGeometry(1, 4, 8, 1, DType.F32);
    CacheScenario scenario =
        CacheScenario.of(random, geometry, 0, 1, List.of(new Span(pages - 1, 1)));
    float[][] scores = GuardedTensor.random(random, 4, pages);
    for (int i = 0; i < pages; i++) {
      scores[1][i] = 1 + scores[1][i] * 1e-4f; // nearly equal, but for one
      scores[2][i] = Math.round(scores[2][i]); // many ties
      scores[3][i] = 0;
    }
    scores[1][pages / 2] = 1e30f;
    KvLayer layer = scenario.kv().upload(backend);
    LoadedBatch loaded = backend.load(scenario.batch());
    RowRange row = new RowRange(0, 1);
    Tensor given = GuardedTensor.of(backend, scores).view();
    try (PageList top = backend.allocatePageList(1, 4, pages)) {
      for (PageBudget budget :
          List.of(
              new PageBudget(1, 2, 0, 0, 0),
              new PageBudget(1, 128, 4, 40, 0),
              new PageBudget(1, pages / 3, 0, 0, 0))) {
        ops.topPages(top, given, 1, layer, loaded, row, budget);
        for (int h = 0; h < 4; h++) {
          assertThat(top.read(0, h))
              .as("KV head %d, %s", h, budget)
              .isEqualTo(reference.choosePages(scenario.kv(), pages - 1, budget, scores[h]));
        }
      }
    }
  }

  // ---- attention

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

  private static int spanOf(RaggedBatch batch, int row) {
    int span = Arrays.binarySearch(batch.spanRows(), row);
    return span >= 0 ? span : -span - 2;
  }
}
