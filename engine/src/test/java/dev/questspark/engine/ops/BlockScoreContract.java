package dev.questspark.engine.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.questspark.engine.ops.CacheScenario.Span;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.prefill.BlockBudget;
import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.BlockListShape;
import dev.questspark.engine.ops.prefill.BlockScoring;
import dev.questspark.engine.ops.prefill.BlockShape;
import dev.questspark.engine.ops.prefill.Segments;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The ops that choose key blocks, against double precision: part of {@link BlockListContract}. */
abstract class BlockScoreContract {
  final Random random = new Random(3);
  Backend backend;

  protected abstract Backend open(BackendOptions options);

  /**
   * A cache and how it is divided.
   *
   * @param segments of each span, the last of them not whole
   */
  record Case(
      BlockShape shape, int kvHeads, int group, int headDim, int pageSize, int digest, int window) {

    /** Two documents: one from its start, one from its third segment on, both to their ends. */
    CacheScenario scenario() {
      int segment = shape.segment();
      KvGeometry geometry =
          new KvGeometry(1, kvHeads, headDim, pageSize, DType.F32, DType.F32, digest);
      List<Span> spans =
          List.of(new Span(0, segment + 3), new Span(3 * segment, 2 * segment + segment / 2 + 1));
      return CacheScenario.of(new Random(5), geometry, window, group, spans);
    }

    Segments segments(RaggedBatch batch) {
      int[] ends = {shape.segment() + 3, 5 * shape.segment() + shape.segment() / 2 + 1};
      return Segments.of(shape, batch.positions(), batch.spanRows(), ends);
    }
  }

  static Stream<Case> cases() {
    return Stream.of(
        new Case(new BlockShape(64, 32), 2, 3, 16, 16, 16, 0),
        new Case(new BlockShape(128, 32), 1, 7, 64, 16, 8, 0),
        new Case(new BlockShape(64, 16), 2, 1, 32, 64, 16, 0),
        new Case(new BlockShape(96, 8), 1, 2, 16, 12, 4, 0),
        new Case(new BlockShape(64, 32), 1, 2, 16, 16, 16, 70),
        new Case(new BlockShape(128, 32), 2, 2, 16, 32, 8, 45),
        new Case(new BlockShape(140, 20), 1, 4, 16, 16, 16, 0),
        new Case(new BlockShape(5, 1), 2, 2, 16, 16, 16, 0));
  }

  @BeforeEach
  void open() {
    backend = open(new BackendOptions(2, DType.F32, true));
  }

  @AfterEach
  void close() {
    backend.close();
  }

  BlockList lists(Segments segments, int kvHeads) {
    int blocks =
        1 + IntStream.range(0, segments.count()).map(segments::blocksBefore).max().orElse(0);
    BlockList list =
        backend.allocateBlockList(new BlockListShape(segments.count() + 1, kvHeads, blocks));
    list.begin(segments);
    return list;
  }

  @ParameterizedTest
  @MethodSource("cases")
  void firstAndLastBlocksAreKept(Case c) {
    Segments segments = c.segments(c.scenario().batch());
    try (BlockList list = lists(segments, c.kvHeads)) {
      for (int[] ends : new int[][] {{0, 0}, {1, 0}, {0, 2}, {1, 3}, {Integer.MAX_VALUE, 0}}) {
        backend.ops().keepBlocks(list, ends[0], ends[1]);
        for (int segment = 0; segment < segments.count(); segment++) {
          int before = segments.blocksBefore(segment);
          int[] expected =
              IntStream.range(0, before)
                  .filter(block -> block < ends[0] || block >= before - ends[1])
                  .toArray();
          for (int kvHead = 0; kvHead < c.kvHeads; kvHead++) {
            assertThat(list.read(segment, kvHead)).containsExactly(expected);
          }
        }
      }
    }
  }

  private static final BlockBudget ALL_SCORED = new BlockBudget(2, 1, 0, false);

  /** How much a score may be off: logits by a product's rounding, weights are shares. */
  private static double tolerance(Case c) {
    return 8 * Tolerance.dot(c.headDim);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void scoresAreTheBruteForceOnes(Case c) {
    CacheScenario scenario = c.scenario();
    RaggedBatch batch = scenario.batch();
    Segments segments = c.segments(batch);
    float[][] q = GuardedTensor.random(random, batch.rows(), scenario.queryColumns());
    int blocks = scenario.longest(c.shape.block()) + 1;
    float[][] before = GuardedTensor.random(random, segments.count() * c.kvHeads, blocks);
    int stride = c.shape.block() % 4 == 0 ? 4 : 1;
    for (BlockScoring scoring :
        List.of(
            new BlockScoring.SampledRows(3),
            new BlockScoring.SampledRows(16),
            new BlockScoring.Antidiagonal(stride),
            new BlockScoring.Midpoint(0),
            new BlockScoring.Midpoint(0.25f))) {
      float cap = scoring.equals(new BlockScoring.SampledRows(3)) ? 0.3f : 0;
      GuardedTensor scores = GuardedTensor.of(backend, before);
      backend
          .ops()
          .scoreBlocks(
              scores.view(),
              GuardedTensor.of(backend, q).view(),
              scenario.kv().upload(backend),
              backend.load(batch),
              segments,
              scoring,
              ALL_SCORED,
              0.5f,
              cap);
      float[][] found = scores.read();
      BlockScoreOracle oracle = new BlockScoreOracle(scenario.kv(), batch, q, c.group, 0.5, cap);
      for (int list = 0; list < found.length; list++) {
        int segment = list / c.kvHeads;
        if (ALL_SCORED.readsAll(segments, segment, scoring.fewestRows())) {
          assertThat(found[list]).as("not scored").isEqualTo(before[list]);
          continue;
        }
        double[] previous = new double[segments.blocksBefore(segment)];
        for (int b = 0; b < previous.length; b++) {
          previous[b] = before[list][b];
        }
        double[] expected = oracle.scores(segments, segment, list % c.kvHeads, scoring, previous);
        for (int b = 0; b < expected.length; b++) {
          assertThat((double) found[list][b])
              .as("%s: segment %d, block %d", scoring, segment, b)
              .isCloseTo(expected[b], within(tolerance(c)));
        }
      }
    }
  }

  /** Of equal scores the lower block; the first block whatever its score. */
  @Test
  void theBestBlocksAreListed() {
    Case c = new Case(new BlockShape(64, 16), 1, 1, 16, 16, 16, 0);
    Segments segments = c.segments(c.scenario().batch());
    float[][] shares = new float[segments.count()][24];
    Arrays.fill(shares[2], 0.01f);
    shares[2][3] = 0.5f;
    shares[2][9] = 0.3f;
    shares[2][11] = 0.02f; // 12 blocks before: 0.01 * 9 + 0.82 = 0.91, and 0.09 are its own
    Tensor scores = GuardedTensor.of(backend, shares).view();
    try (BlockList list = lists(segments, 1)) {
      assertThat(top(list, scores, new BlockBudget(4, 1, 0, false))).containsExactly(0, 3, 9, 11);
      assertThat(top(list, scores, new BlockBudget(6, 1, 0, false)))
          .containsExactly(0, 1, 2, 3, 9, 11);
      assertThat(top(list, scores, new BlockBudget(1, 1, 0, false))).containsExactly(0);
      int none = Integer.MAX_VALUE;
      assertThat(top(list, scores, new BlockBudget(none, 0.05, 0, false))).containsExactly(0);
      assertThat(top(list, scores, new BlockBudget(none, 0.58, 0, false))).containsExactly(0, 3);
      assertThat(top(list, scores, new BlockBudget(none, 0.925, 0, false)))
          .containsExactly(0, 1, 3, 9, 11);
      int[] all = IntStream.range(0, 12).toArray();
      assertThat(top(list, scores, new BlockBudget(none, 1, 0, false))).containsExactly(all);
      assertThat(top(list, scores, new BlockBudget(12, 1, 0, false))).containsExactly(all);
      assertThat(top(list, scores, new BlockBudget(2, 1, 193, false))).containsExactly(all);
      assertThat(top(list, scores, new BlockBudget(2, 1, 192, true))).containsExactly(0, 3);
      assertThat(list.read(4, 0)).as("the end of a document").hasSize(20);
      list.begin(segments);
      backend.ops().topBlocks(list, scores, new BlockBudget(2, 1, 0, false), 40);
      assertThat(list.read(4, 0)).as("too short for a score").hasSize(20);
      assertThat(list.read(3, 0)).hasSize(2);
    }
  }

  private int[] top(BlockList list, Tensor scores, BlockBudget budget) {
    list.begin(list.segments());
    backend.ops().topBlocks(list, scores, budget, 1);
    return list.read(2, 0);
  }

  /** The query of one row against single keys. */
  @Test
  void ofSegmentsAndBlocksOfOneTheMidpointChoosesTheLargestProducts() {
    Case c = new Case(new BlockShape(1, 1), 2, 1, 16, 16, 16, 0);
    KvGeometry geometry = new KvGeometry(1, 2, 16, 16, DType.F32, DType.F32, 16);
    CacheScenario scenario =
        CacheScenario.of(new Random(6), geometry, 0, 1, List.of(new Span(40, 30)));
    RaggedBatch batch = scenario.batch();
    Segments segments = Segments.of(c.shape, batch.positions(), batch.spanRows(), new int[] {70});
    float[][] q = GuardedTensor.random(random, 30, scenario.queryColumns());
    BlockScoreOracle oracle = new BlockScoreOracle(scenario.kv(), batch, q, 1, 1, 0);
    BlockScoring scoring = new BlockScoring.Midpoint(0);
    BlockBudget budget = new BlockBudget(9, 1, 0, false);
    Tensor scores = backend.allocate(60, 70);
    backend
        .ops()
        .scoreBlocks(
            scores,
            GuardedTensor.of(backend, q).view(),
            scenario.kv().upload(backend),
            backend.load(batch),
            segments,
            scoring,
            budget,
            1,
            0);
    try (BlockList list = lists(segments, 2)) {
      backend.ops().topBlocks(list, scores, budget, 1);
      for (int segment = 0; segment < 30; segment++) {
        for (int kvHead = 0; kvHead < 2; kvHead++) {
          double[] products = oracle.scores(segments, segment, kvHead, scoring, new double[70]);
          int[] best =
              IntStream.range(1, products.length)
                  .boxed()
                  .sorted(Comparator.comparingDouble(key -> -products[key]))
                  .limit(8)
                  .mapToInt(key -> key)
                  .sorted()
                  .toArray();
          assertThat(list.read(segment, kvHead))
              .containsExactly(IntStream.concat(IntStream.of(0), IntStream.of(best)).toArray());
        }
      }
    }
  }
}
