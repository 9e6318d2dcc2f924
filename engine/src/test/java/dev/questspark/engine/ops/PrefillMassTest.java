package dev.questspark.engine.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.CpuBackend;
import dev.questspark.engine.ops.prefill.BlockBudget;
import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.BlockListShape;
import dev.questspark.engine.ops.prefill.BlockScoring;
import dev.questspark.engine.ops.prefill.BlockShape;
import dev.questspark.engine.ops.prefill.Segments;
import dev.questspark.engine.ops.prefill.TileSkipping;
import dev.questspark.engine.select.AttentionLogits;
import dev.questspark.engine.select.prefill.DrawnBlocks;
import dev.questspark.engine.select.prefill.PrefillSelector;
import dev.questspark.engine.select.prefill.ScoredBlocks;
import dev.questspark.engine.select.prefill.SinkRecentBlocks;
import dev.questspark.engine.select.prefill.WatchedBlocks;
import dev.questspark.engine.study.PrefillStudy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A prefill study against the attention op itself: the mass that a list keeps is the ratio of two
 * softmax denominators, which {@code attendPrefill} reports; and no list of its length keeps more
 * than the best.
 */
class PrefillMassTest {
  private static final int BLOCK = 16;
  private static final int SEGMENT = 64;
  private static final int START = 128; // two segments, eight blocks, are before
  private static final int SEEN = 5;
  private static final float SCALE = 0.7f;

  private static final Map<String, PrefillSelector> SELECTORS =
      Map.of(
          "all", PrefillSelector.ALL,
          "ends", new SinkRecentBlocks(BLOCK, 2 * BLOCK),
          "drawn", new DrawnBlocks(3 * BLOCK, 5),
          "scored",
              new ScoredBlocks(
                  new BlockScoring.SampledRows(SEEN), new BlockBudget(3, 1, 0, false)));

  @ParameterizedTest
  @ValueSource(ints = {0, 100})
  void isTheRatioOfTheSoftmaxDenominators(int window) {
    Random random = new Random(window + 1);
    KvGeometry geometry = new KvGeometry(1, 2, 32, BLOCK, DType.F32);
    CacheScenario scenario =
        CacheScenario.of(
            random, geometry, window, 3, List.of(new CacheScenario.Span(START, SEGMENT + 20)));
    RaggedBatch host = scenario.batch();
    Segments segments =
        Segments.of(
            new BlockShape(SEGMENT, BLOCK),
            host.positions(),
            new int[] {0, host.rows()},
            new int[] {START + SEGMENT + 20});
    float[][] q = GuardedTensor.random(random, host.rows(), scenario.queryColumns());
    try (Backend backend = CpuBackend.open(new BackendOptions(2, DType.F32, true));
        BlockList list = backend.allocateBlockList(new BlockListShape(2, geometry.kvHeads(), 12))) {
      LoadedBatch batch = backend.load(host);
      PrefillSelector.Query query =
          new PrefillSelector.Query(
              backend,
              0,
              GuardedTensor.of(backend, q).view(),
              scenario.kv().upload(backend),
              batch,
              new AttentionLogits(SCALE, 0),
              backend.allocate(2 * geometry.kvHeads(), 12));
      list.begin(segments);
      PrefillSelector.ALL.select(list, query);
      float[][] all = logSumExp(backend, scenario, query, list);
      List<float[][]> keptByOne = new ArrayList<>();
      for (int block = -1; block < (START + SEGMENT) / BLOCK; block++) {
        list.begin(segments);
        for (int segment = 0; segment < 2; segment++) {
          boolean before = block >= 0 && block < segments.blocksBefore(segment);
          for (int kvHead = 0; kvHead < geometry.kvHeads(); kvHead++) {
            list.set(segment, kvHead, before ? new int[] {block} : new int[0]);
          }
        }
        keptByOne.add(logSumExp(backend, scenario, query, list));
      }
      SELECTORS.forEach(
          (name, selector) -> {
            PrefillStudy study = new PrefillStudy(SEEN);
            PrefillSelector studied = new WatchedBlocks(study, selector);
            list.begin(segments);
            studied.select(list, query);
            float[][] kept = logSumExp(backend, scenario, query, list);
            list.begin(segments);
            studied.select(list, query); // a replay after a preemption counts nothing twice

            List<PrefillStudy.Finding> findings = study.findings();
            assertThat(findings).hasSize(geometry.kvHeads());
            for (int kvHead = 0; kvHead < geometry.kvHeads(); kvHead++) {
              PrefillStudy.Finding finding = findings.get(kvHead);
              double mass = 0;
              for (int row : rows(segments)) {
                for (int head = 3 * kvHead; head < 3 * kvHead + 3; head++) {
                  mass += Math.exp(kept[row][head] - all[row][head]) / (2 * SEEN * 3);
                }
              }
              assertThat(finding.layer()).isZero();
              assertThat(finding.kvHead()).isEqualTo(kvHead);
              assertThat(finding.rows()).isEqualTo(2 * SEEN);
              assertThat(finding.attentionMass()).as(name).isCloseTo(mass, within(1e-5));
              assertThat(finding.bestMass())
                  .as(name)
                  .isBetween(finding.attentionMass() - 1e-12, 1 + 1e-12);
              if (name.equals("all")) {
                assertThat(finding.attentionMass()).isCloseTo(1, within(1e-12));
                assertThat(finding.listedShare()).isEqualTo(1);
              } else if (window == 0) {
                // eight blocks before the one segment, twelve before the other
                assertThat(finding.listedShare()).as(name).isCloseTo(6 / 20.0, within(1e-12));
                assertThat(finding.attentionMass()).as(name).isLessThan(0.999);
              }
              double best = best(keptByOne, all, segments, kvHead, list);
              assertThat(finding.bestMass()).as(name).isCloseTo(best, within(1e-5));
            }
          });
    }
  }

  /**
   * The most that lists of the same lengths could keep.
   *
   * @param keptByOne sums with no block before the segment, then with the first alone, and so on
   */
  private static double best(
      List<float[][]> keptByOne, float[][] all, Segments segments, int kvHead, BlockList list) {
    double best = 0;
    for (int segment = 0; segment < 2; segment++) {
      double[] mass = new double[segments.blocksBefore(segment) + 1];
      for (int row : rows(segments, segment)) {
        for (int head = 3 * kvHead; head < 3 * kvHead + 3; head++) {
          for (int i = 0; i < mass.length; i++) {
            mass[i] += Math.exp(keptByOne.get(i)[row][head] - all[row][head]) / (2 * SEEN * 3);
          }
        }
      }
      double own = mass[0];
      best +=
          own
              + IntStream.range(1, mass.length)
                  .mapToDouble(i -> own - mass[i])
                  .sorted()
                  .limit(list.read(segment, kvHead).length)
                  .map(negative -> -negative)
                  .sum();
    }
    return best;
  }

  /** Batch rows that are looked at. */
  private static List<Integer> rows(Segments segments) {
    return IntStream.range(0, 2)
        .boxed()
        .flatMap(segment -> rows(segments, segment).stream())
        .toList();
  }

  private static List<Integer> rows(Segments segments, int segment) {
    int count = segments.rowsOf(segment);
    return IntStream.range(0, SEEN)
        .mapToObj(i -> segments.rows()[segment] + (2 * i + 1) * count / (2 * SEEN))
        .toList();
  }

  private static float[][] logSumExp(
      Backend backend, CacheScenario scenario, PrefillSelector.Query query, BlockList list) {
    int rows = scenario.batch().rows();
    GuardedTensor out = GuardedTensor.blank(backend, rows, scenario.queryColumns());
    GuardedTensor sums = GuardedTensor.blank(backend, rows, scenario.queryHeads());
    backend
        .ops()
        .attendPrefill(
            out.view(),
            sums.view(),
            query.q(),
            query.kv(),
            query.batch(),
            list,
            TileSkipping.NONE,
            SCALE,
            0);
    return Arrays.stream(sums.read()).toArray(float[][]::new);
  }
}
