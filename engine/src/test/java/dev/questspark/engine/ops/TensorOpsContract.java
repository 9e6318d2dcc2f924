package dev.questspark.engine.ops;

import static dev.questspark.engine.ops.Tolerance.assertClose;
import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.ops.CacheScenario.Span;
import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What every backend must do, op by op, against {@link ReferenceTensorOps}: the ops over the cache
 * here, those that attend and those without one inherited. A backend's test is a subclass that
 * opens it.
 */
public abstract class TensorOpsContract extends AttentionOpsContract {
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

  private static int spanOf(RaggedBatch batch, int row) {
    int span = Arrays.binarySearch(batch.spanRows(), row);
    return span >= 0 ? span : -span - 2;
  }
}
