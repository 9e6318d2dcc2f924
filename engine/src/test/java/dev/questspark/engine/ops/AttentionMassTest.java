package dev.questspark.engine.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.CpuBackend;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.MinContext;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.SinkRecent;
import dev.questspark.engine.policy.SkipLayers;
import dev.questspark.engine.select.AttentionLogits;
import dev.questspark.engine.select.PageSelector;
import dev.questspark.engine.select.WatchedPages;
import dev.questspark.engine.study.SelectionStudy;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A selection study against the attention op itself: the mass that a list keeps is the ratio of two
 * softmax denominators, which {@code attendPages} reports.
 */
class AttentionMassTest {
  private static final int PAGE_SIZE = 16;
  private static final PageShape SHAPE = new PageShape(PAGE_SIZE, PAGE_SIZE);
  private static final float SCALE = 0.7f;
  private static final int LAYER = 0;

  /** The skipped layers and the least context would make every policy dense here. */
  private static ReadPolicy wrapped(ReadPolicy policy) {
    return new SkipLayers(9, new MinContext(10_000, policy));
  }

  private static ReadPolicy quest(int budget, PageScore score) {
    return wrapped(ReadPolicy.parse("quest(budget=" + budget + ", score=" + score + ", sink=0)"));
  }

  private static final List<ReadPolicy> POLICIES =
      List.of(
          quest(64, PageScores.MINMAX),
          quest(128, PageScores.MINMAX),
          quest(64, PageScores.MEANSTD),
          wrapped(new SinkRecent(64, 0)),
          quest(4096, PageScores.MINMAX));

  @ParameterizedTest
  @ValueSource(ints = {0, 150})
  void isTheRatioOfTheSoftmaxDenominators(int window) {
    Random random = new Random(window);
    KvGeometry geometry = new KvGeometry(1, 2, 32, PAGE_SIZE, DType.F32);
    CacheScenario scenario =
        CacheScenario.of(
            random,
            geometry,
            window,
            3,
            List.of(new CacheScenario.Span(5, 0), new CacheScenario.Span(300, 4)));
    int rows = scenario.batch().rows();
    float[][] q = GuardedTensor.random(random, rows, scenario.queryColumns());
    try (Backend backend = CpuBackend.open(new BackendOptions(2, DType.F32, true))) {
      TensorOps ops = backend.ops();
      KvLayer kv = scenario.kv().upload(backend);
      LoadedBatch batch = backend.load(scenario.batch());
      RowRange range = new RowRange(0, rows);
      int pages = scenario.longestPages();
      Tensor scores = backend.allocate(rows * geometry.kvHeads(), pages);
      PageSelector.Query query =
          new PageSelector.Query(
              backend,
              LAYER,
              GuardedTensor.of(backend, q).view(),
              kv,
              batch,
              range,
              new AttentionLogits(SCALE, 0),
              new PageSelector.Scratch(scores, Optional.empty()));
      SelectionStudy study = new SelectionStudy(POLICIES, SHAPE, 301, 2);
      try (PageList list = backend.allocatePageList(rows, geometry.kvHeads(), pages)) {
        PageSelector studied = new WatchedPages(study, new Dense().selector(SHAPE));
        studied.select(list, query);
        double[][] all = logSumExp(backend, scenario, query, list);
        for (int row = 0; row < rows; row++) {
          int first = scenario.kv().firstVisible(300 + row) / PAGE_SIZE;
          assertThat(list.read(row, 1))
              .containsExactly(IntStream.range(first, (300 + row) / PAGE_SIZE + 1).toArray());
        }
        studied.select(list, query); // a replay after a preemption counts nothing twice

        List<SelectionStudy.Finding> findings = study.findings();
        assertThat(findings).hasSize(POLICIES.size() * scenario.queryHeads());
        for (int p = 0; p < POLICIES.size(); p++) {
          study.policies().get(p).selector(SHAPE).select(list, query);
          double[][] kept = logSumExp(backend, scenario, query, list);
          for (int head = 0; head < scenario.queryHeads(); head++) {
            double mass = 0;
            double recall = 0;
            for (int row = 1; row < 3; row++) { // positions 301 and 302
              mass += Math.exp(kept[row][head] - all[row][head]) / 2;
              recall += recall(scenario, q[row], row, head, list.read(row, head / 3)) / 2;
            }
            SelectionStudy.Finding finding = findings.get(p * scenario.queryHeads() + head);
            assertThat(finding.layer()).isEqualTo(LAYER);
            assertThat(finding.head()).isEqualTo(head);
            assertThat(finding.rows()).isEqualTo(2);
            assertThat(finding.attentionMass()).isCloseTo(mass, within(1e-5));
            assertThat(finding.topTokenRecall()).isCloseTo(recall, within(1e-12));
          }
        }
        assertThat(findings.subList(4 * scenario.queryHeads(), findings.size()))
            .allSatisfy(
                whole -> {
                  assertThat(whole.attentionMass()).isCloseTo(1, within(1e-12));
                  assertThat(whole.topTokenRecall()).isEqualTo(1);
                });
        assertThat(findings.get(0).attentionMass()).isLessThan(0.9);
      }
    }
  }

  private static double[][] logSumExp(
      Backend backend, CacheScenario scenario, PageSelector.Query query, PageList list) {
    int rows = scenario.batch().rows();
    GuardedTensor out = GuardedTensor.blank(backend, rows, scenario.queryColumns());
    GuardedTensor sums = GuardedTensor.blank(backend, rows, scenario.queryHeads());
    query
        .ops()
        .attendPages(
            out.view(),
            sums.view(),
            query.q(),
            query.kv(),
            query.batch(),
            query.rows(),
            list,
            SCALE);
    return Arrays.stream(sums.read())
        .map(row -> IntStream.range(0, row.length).mapToDouble(i -> row[i]).toArray())
        .toArray(double[][]::new);
  }

  /** Share of the ten largest products that stand on the listed pages, by sorting them all. */
  private static double recall(
      CacheScenario scenario, float[] q, int row, int head, int[] keptPages) {
    int headDim = scenario.kv().geometry().headDim();
    int position = 300 + row;
    return IntStream.rangeClosed(scenario.kv().firstVisible(position), position)
            .boxed()
            .sorted(
                Comparator.comparingDouble(
                    token -> {
                      int page =
                          scenario.batch()
                              .pageTable()[scenario.batch().spanPages()[1] + token / PAGE_SIZE];
                      float[] key =
                          scenario.kv().key(page, head / scenario.group(), token % PAGE_SIZE);
                      double dot = 0;
                      for (int c = 0; c < headDim; c++) {
                        dot -= (double) q[head * headDim + c] * key[c];
                      }
                      return dot;
                    }))
            .limit(10)
            .filter(token -> Arrays.stream(keptPages).anyMatch(page -> page == token / PAGE_SIZE))
            .count()
        / 10.0;
  }
}
