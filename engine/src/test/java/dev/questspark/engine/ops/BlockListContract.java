package dev.questspark.engine.ops;

import static dev.questspark.engine.ops.Tolerance.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.ops.CacheScenario.Span;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.BlockListShape;
import dev.questspark.engine.ops.prefill.BlockShape;
import dev.questspark.engine.ops.prefill.Segments;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** attendPrefill with block lists, of every backend, against double precision. */
public abstract class BlockListContract {
  private final ReferenceTensorOps reference = new ReferenceTensorOps();
  private final Random random = new Random(3);
  private Backend backend;

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
        new Case(new BlockShape(300, 20), 1, 4, 16, 16, 16, 0),
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

  private BlockList lists(Segments segments, int kvHeads) {
    int blocks =
        1 + IntStream.range(0, segments.count()).map(segments::blocksBefore).max().orElse(0);
    BlockList list =
        backend.allocateBlockList(new BlockListShape(segments.count() + 1, kvHeads, blocks));
    list.begin(segments);
    return list;
  }

  /** Each block before a segment with the given probability, for each KV head by itself. */
  private void draw(BlockList list, int kvHeads, double share) {
    for (int segment = 0; segment < list.segments().count(); segment++) {
      for (int kvHead = 0; kvHead < kvHeads; kvHead++) {
        int[] drawn =
            IntStream.range(0, list.segments().blocksBefore(segment))
                .filter(block -> random.nextDouble() < share)
                .toArray();
        list.set(segment, kvHead, drawn);
        assertThat(list.read(segment, kvHead)).containsExactly(drawn);
      }
    }
  }

  /** What a call gives. */
  private record Attended(float[][] out, float[][] sums, long[] blocks) {}

  private Attended attend(CacheScenario scenario, float[][] q, BlockList list, float cap) {
    int rows = scenario.batch().rows();
    GuardedTensor out = GuardedTensor.blank(backend, rows, scenario.queryColumns());
    GuardedTensor sums = GuardedTensor.blank(backend, rows, scenario.queryHeads());
    LoadedBatch batch = backend.load(scenario.batch());
    Tensor query = GuardedTensor.of(backend, q).view();
    KvLayer kv = scenario.kv().upload(backend);
    backend.ops().attendPrefill(out.view(), sums.view(), query, kv, batch, list, 0.125f, cap);
    return new Attended(out.read(), sums.read(), batch.counters().blocksComputed());
  }

  /** Single tokens that a row reads of one KV head. */
  private static int[] tokens(Case c, BlockList list, int segment, int kvHead) {
    int start = list.segments().starts()[segment];
    return IntStream.concat(
            Arrays.stream(list.read(segment, kvHead))
                .flatMap(
                    block ->
                        IntStream.range(block * c.shape.block(), (block + 1) * c.shape.block())),
            IntStream.range(start, start + list.segments().rowsOf(segment)))
        .toArray();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void rowsReadWhatIsListedAndTheirSegment(Case c) {
    CacheScenario scenario = c.scenario();
    HostKv kv = scenario.kv();
    Segments segments = c.segments(scenario.batch());
    float[][] q = GuardedTensor.random(random, scenario.batch().rows(), scenario.queryColumns());
    try (BlockList list = lists(segments, c.kvHeads)) {
      for (double share : new double[] {0, 0.3, 0.7}) {
        draw(list, c.kvHeads, share);
        float cap = share == 0.7 ? 0.3f : 0;
        Attended attended = attend(scenario, q, list, cap);
        for (int segment = 0; segment < segments.count(); segment++) {
          int[][] read = new int[c.kvHeads][];
          for (int kvHead = 0; kvHead < c.kvHeads; kvHead++) {
            read[kvHead] = tokens(c, list, segment, kvHead);
          }
          for (int r = segments.rows()[segment]; r < segments.rows()[segment + 1]; r++) {
            ReferenceTensorOps.Attended expected =
                reference.attend(kv, q[r], scenario.batch(), r, read, 1, 0.125f, cap);
            double tolerance = Tolerance.average(c.headDim + 5 * c.shape.segment());
            assertClose("out row " + r, attended.out[r], expected.out(), tolerance);
            assertClose("sums row " + r, attended.sums[r], expected.logSumExp(), 4 * tolerance);
            assertThat(attended.blocks[r]).isEqualTo(blocks(c, scenario, read, r));
          }
        }
      }
    }
  }

  /** Blocks of which the row sees something. */
  private static long blocks(Case c, CacheScenario scenario, int[][] read, int row) {
    int position = scenario.batch().positions()[row];
    int first = scenario.kv().firstVisible(position);
    return Arrays.stream(read)
        .mapToLong(
            tokens ->
                Arrays.stream(tokens)
                    .filter(token -> token >= first && token <= position)
                    .map(token -> token / c.shape.block())
                    .distinct()
                    .count())
        .sum();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void everyBlockListedIsDenseToTheBit(Case c) {
    CacheScenario scenario = c.scenario();
    RaggedBatch batch = scenario.batch();
    Segments segments = c.segments(batch);
    float[][] q = GuardedTensor.random(random, batch.rows(), scenario.queryColumns());
    GuardedTensor dense = GuardedTensor.blank(backend, batch.rows(), scenario.queryColumns());
    Tensor query = GuardedTensor.of(backend, q).view();
    KvLayer kv = scenario.kv().upload(backend);
    backend.ops().attendPrefill(dense.view(), query, kv, backend.load(batch), 0, 2, 0.125f);
    try (BlockList list = lists(segments, c.kvHeads)) {
      draw(list, c.kvHeads, 2);
      Attended all = attend(scenario, q, list, 0);
      assertThat(all.out).isDeepEqualTo(dense.read());
      for (int r = 0; r < batch.rows(); r++) {
        int position = batch.positions()[r];
        assertThat(all.blocks[r])
            .isEqualTo((long) c.kvHeads * c.shape.visible(position, kv.firstVisible(position)));
      }
    }
  }

  /** A segment alone in its step gets the bits that it gets among others. */
  @Test
  void aSegmentsBitsAreItsOwn() {
    Case c = new Case(new BlockShape(64, 32), 2, 3, 16, 16, 16, 0);
    CacheScenario scenario = c.scenario();
    RaggedBatch batch = scenario.batch();
    Segments segments = c.segments(batch);
    float[][] q = GuardedTensor.random(random, batch.rows(), scenario.queryColumns());
    try (BlockList list = lists(segments, c.kvHeads);
        BlockList alone = lists(segments, c.kvHeads)) {
      draw(list, c.kvHeads, 0.5);
      Attended together = attend(scenario, q, list, 0);
      for (int s = 0; s < segments.count(); s++) {
        int[] rows = {segments.rows()[s], segments.rows()[s + 1]};
        alone.begin(
            new Segments(
                c.shape,
                rows,
                new int[] {segments.starts()[s]},
                new int[] {segments.documentTokens()[s]}));
        for (int kvHead = 0; kvHead < c.kvHeads; kvHead++) {
          alone.set(0, kvHead, list.read(s, kvHead));
        }
        Attended one = attend(scenario, q, alone, 0);
        for (int r = 0; r < batch.rows(); r++) {
          if (r >= rows[0] && r < rows[1]) {
            assertThat(one.out[r]).isEqualTo(together.out[r]);
            assertThat(one.sums[r]).isEqualTo(together.sums[r]);
          } else {
            assertThat(GuardedTensor.untouched(one.out[r])).as("row %d", r).isTrue();
            assertThat(one.blocks[r]).isZero();
          }
        }
      }
    }
  }

  @Test
  void listsAreAscendingBlocksBeforeTheirSegment() {
    Case c = cases().findFirst().orElseThrow();
    try (BlockList list = lists(c.segments(c.scenario().batch()), c.kvHeads)) {
      for (int[] wrong : new int[][] {{2, 1}, {3, 3}, {6}, {-1}}) {
        assertThatThrownBy(() -> list.set(2, 0, wrong))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("is not one of 6 in ascending order");
      }
      assertThatThrownBy(
              () -> list.begin(new Segments(c.shape, new int[9], new int[8], new int[8])))
          .hasMessage("block lists of 6 segments for 8");
    }
  }
}
