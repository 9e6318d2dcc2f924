package dev.questspark.engine.ops;

import static dev.questspark.engine.ops.Tolerance.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.BlockShape;
import dev.questspark.engine.ops.prefill.Segments;
import dev.questspark.engine.ops.prefill.TileSkipping;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * attendPrefill with block lists, of every backend, against double precision; what chooses the
 * blocks is inherited.
 */
public abstract class BlockListContract extends BlockScoreContract {
  private final ReferenceTensorOps reference = new ReferenceTensorOps();

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
    return attend(scenario, q, list, TileSkipping.NONE, 0.125f, cap);
  }

  private Attended attend(
      CacheScenario scenario,
      float[][] q,
      BlockList list,
      TileSkipping skipping,
      float scale,
      float cap) {
    int rows = scenario.batch().rows();
    GuardedTensor out = GuardedTensor.blank(backend, rows, scenario.queryColumns());
    GuardedTensor sums = GuardedTensor.blank(backend, rows, scenario.queryHeads());
    LoadedBatch batch = backend.load(scenario.batch());
    Tensor query = GuardedTensor.of(backend, q).view();
    KvLayer kv = scenario.kv().upload(backend);
    backend
        .ops()
        .attendPrefill(out.view(), sums.view(), query, kv, batch, list, skipping, scale, cap);
    return new Attended(out.read(), sums.read(), batch.counters().blocksComputed());
  }

  /** The same without blocks that the segment's first row does not see. */
  private static int[] tokens(Case c, BlockList list, int segment, int kvHead, int firstVisible) {
    int first = firstVisible / c.shape().block() * c.shape().block();
    return Arrays.stream(tokens(c, list, segment, kvHead)).filter(key -> key >= first).toArray();
  }

  /** Single tokens that a row reads of one KV head. */
  private static int[] tokens(Case c, BlockList list, int segment, int kvHead) {
    int start = list.segments().starts()[segment];
    return IntStream.concat(
            Arrays.stream(list.read(segment, kvHead))
                .flatMap(
                    block ->
                        IntStream.range(
                            block * c.shape().block(), (block + 1) * c.shape().block())),
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
    try (BlockList list = lists(segments, c.kvHeads())) {
      for (double share : new double[] {0, 0.3, 0.7}) {
        draw(list, c.kvHeads(), share);
        float cap = share == 0.7 ? 0.3f : 0;
        Attended attended = attend(scenario, q, list, cap);
        for (int segment = 0; segment < segments.count(); segment++) {
          int[][] read = new int[c.kvHeads()][];
          for (int kvHead = 0; kvHead < c.kvHeads(); kvHead++) {
            read[kvHead] = tokens(c, list, segment, kvHead);
          }
          for (int r = segments.rows()[segment]; r < segments.rows()[segment + 1]; r++) {
            ReferenceTensorOps.Attended expected =
                reference.attend(kv, q[r], scenario.batch(), r, read, 1, 0.125f, cap);
            double tolerance = Tolerance.average(c.headDim() + 5 * c.shape().segment());
            assertClose("out row " + r, attended.out[r], expected.out(), tolerance);
            assertClose("sums row " + r, attended.sums[r], expected.logSumExp(), 4 * tolerance);
            assertThat(attended.blocks[r]).isEqualTo(c.group() * blocks(c, scenario, read, r));
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
                    .map(token -> token / c.shape().block())
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
    try (BlockList list = lists(segments, c.kvHeads())) {
      draw(list, c.kvHeads(), 2);
      Attended all = attend(scenario, q, list, 0);
      assertThat(all.out).isDeepEqualTo(dense.read());
      for (int r = 0; r < batch.rows(); r++) {
        int position = batch.positions()[r];
        assertThat(all.blocks[r])
            .isEqualTo(
                (long) c.kvHeads()
                    * c.group()
                    * c.shape().visible(position, kv.firstVisible(position)));
      }
    }
  }

  /**
   * Which of the keys that a segment's rows read a query head of each row is left with, by the
   * definition of {@link TileSkipping}: [row of the segment][key], in reading order.
   */
  private boolean[][] kept(
      Case c,
      CacheScenario scenario,
      float[][] q,
      Segments segments,
      int segment,
      int head,
      int[] tokens,
      double threshold,
      double scale) {
    int first = segments.rows()[segment];
    boolean[][] kept = new boolean[segments.rowsOf(segment)][tokens.length];
    int lead = tokens[0] % 256 % TileSkipping.KEYS;
    BlockScoreOracle oracle =
        new BlockScoreOracle(scenario.kv(), scenario.batch(), q, c.group(), scale, 0);
    for (int from = 0; from < kept.length; from += TileSkipping.ROWS) {
      int to = Math.min(kept.length, from + TileSkipping.ROWS);
      double[] before = new double[to - from];
      Arrays.fill(before, Double.NEGATIVE_INFINITY);
      for (int tile = 0; tile * TileSkipping.KEYS < lead + tokens.length; tile++) {
        int start = Math.max(0, tile * TileSkipping.KEYS - lead);
        int end = Math.min(tokens.length, (tile + 1) * TileSkipping.KEYS - lead);
        boolean read = false;
        for (int r = from; r < to; r++) {
          int row = first + r;
          int position = segments.starts()[segment] + r;
          int visible = scenario.kv().firstVisible(position);
          double largest =
              Arrays.stream(tokens, start, end)
                  .filter(key -> key >= visible && key <= position)
                  .mapToDouble(key -> scale * oracle.dot(row, head, key))
                  .max()
                  .orElse(Double.NEGATIVE_INFINITY);
          read |= largest - before[r - from] >= Math.log(threshold);
          before[r - from] = Math.max(before[r - from], largest);
        }
        for (int r = from; read && r < to; r++) {
          Arrays.fill(kept[r], start, end, true);
        }
      }
    }
    return kept;
  }

  /** Logits spread widely enough that most tiles are left out. */
  @ParameterizedTest
  @MethodSource("cases")
  void tilesFarBelowThoseBeforeAreLeftOut(Case c) {
    if (TileSkipping.KEYS % c.shape().block() != 0 || TileSkipping.KEYS % c.pageSize() != 0) {
      return; // refused before any work
    }
    CacheScenario scenario = c.scenario();
    RaggedBatch batch = scenario.batch();
    Segments segments = c.segments(batch);
    float scale = 3;
    double threshold = 0.05;
    float[][] q = GuardedTensor.random(random, batch.rows(), scenario.queryColumns());
    long left = 0;
    long all = 0;
    try (BlockList list = lists(segments, c.kvHeads())) {
      draw(list, c.kvHeads(), 0.7);
      Attended plain = attend(scenario, q, list, TileSkipping.NONE, scale, 0);
      Attended same = attend(scenario, q, list, new TileSkipping(0), scale, 0);
      assertThat(same.out).isDeepEqualTo(plain.out);
      Attended attended = attend(scenario, q, list, new TileSkipping(threshold), scale, 0);
      for (int segment = 0; segment < segments.count(); segment++) {
        long[] blocks = new long[segments.rowsOf(segment)];
        for (int head = 0; head < scenario.queryHeads(); head++) {
          int[] tokens =
              tokens(
                  c,
                  list,
                  segment,
                  head / c.group(),
                  scenario.kv().firstVisible(segments.starts()[segment]));
          boolean[][] kept =
              kept(c, scenario, q, segments, segment, head, tokens, threshold, scale);
          for (int r = 0; r < kept.length; r++) {
            int row = segments.rows()[segment] + r;
            boolean[] own = kept[r];
            int[] read =
                IntStream.range(0, tokens.length).filter(i -> own[i]).map(i -> tokens[i]).toArray();
            int[][] lists = new int[c.kvHeads()][];
            Arrays.fill(lists, read);
            float[] expected =
                reference.attend(scenario.kv(), q[row], batch, row, lists, 1, scale).out();
            int from = head * c.headDim();
            assertClose(
                "row " + row + ", head " + head,
                Arrays.copyOfRange(attended.out[row], from, from + c.headDim()),
                Arrays.copyOfRange(expected, from, from + c.headDim()),
                40 * Tolerance.average(c.headDim() + 5 * c.shape().segment()));
            blocks[r] += blocks(c, scenario, new int[][] {read}, row);
          }
        }
        for (int r = 0; r < blocks.length; r++) {
          int row = segments.rows()[segment] + r;
          assertThat(attended.blocks[row]).isEqualTo(blocks[r]);
          left += plain.blocks[row] - blocks[r];
          all += plain.blocks[row];
        }
      }
    }
    assertThat(left).as("of %s blocks", all).isLessThan(all);
    if (c.window() == 0 && c.shape().segment() >= TileSkipping.ROWS) {
      assertThat(left).as("of %s blocks", all).isPositive(); // else the few keys decide alike
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
    try (BlockList list = lists(segments, c.kvHeads());
        BlockList alone = lists(segments, c.kvHeads())) {
      draw(list, c.kvHeads(), 0.5);
      Attended together = attend(scenario, q, list, 0);
      for (int s = 0; s < segments.count(); s++) {
        int[] rows = {segments.rows()[s], segments.rows()[s + 1]};
        alone.begin(
            new Segments(
                c.shape(),
                rows,
                new int[] {segments.starts()[s]},
                new int[] {segments.documentTokens()[s]}));
        for (int kvHead = 0; kvHead < c.kvHeads(); kvHead++) {
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
    try (BlockList list = lists(c.segments(c.scenario().batch()), c.kvHeads())) {
      for (int[] wrong : new int[][] {{2, 1}, {3, 3}, {6}, {-1}}) {
        assertThatThrownBy(() -> list.set(2, 0, wrong))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("is not one of 6 in ascending order");
      }
      assertThatThrownBy(
              () -> list.begin(new Segments(c.shape(), new int[9], new int[8], new int[8])))
          .hasMessage("block lists of 6 segments for 8");
    }
  }
}
