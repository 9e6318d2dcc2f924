package dev.questspark.engine.ops;

import static dev.questspark.engine.ops.HalfFloats.unitRoundoff;
import static dev.questspark.engine.ops.Tolerance.assertClose;
import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.ops.CacheScenario.Span;
import dev.questspark.engine.ops.cuda.CudaBackend;
import dev.questspark.engine.ops.cuda.CudaOptions;
import dev.questspark.engine.ops.cuda.RequiresCuda;
import dev.questspark.engine.ops.cuda.TestDriver;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * {@code attend_pages} over lists of less than pages. A tile of 16 tokens then comes from several
 * places: two blocks of 8 from different pages, sixteen single tokens.
 */
@RequiresCuda
class CudaListedUnitsTest {
  private static final int KV_HEADS = 2;
  private static final int GROUP = 3;
  private static final float SCALE = 0.125f;

  private final Random random = new Random(23);

  /** One backend with a filled cache, queries, and room for lists of single tokens. */
  private final class Run implements AutoCloseable {
    final CudaBackend on;
    final CacheScenario scenario;
    final RaggedBatch batch;
    final KvLayer layer;
    final float[][] q;
    final Tensor query;
    final Tensor out;
    final Tensor sums;
    final PageList list;
    final RowRange rows;
    final DType act;

    Run(DType act, DType cache, int headDim, int pageSize, int window, List<Span> spans) {
      KvGeometry geometry = new KvGeometry(1, KV_HEADS, headDim, pageSize, cache);
      this.act = act;
      this.scenario = CacheScenario.of(random, geometry, window, GROUP, spans);
      HalfFloats.round(scenario.kv().keys(), cache);
      HalfFloats.round(scenario.kv().values(), cache);
      this.on = TestDriver.open(new CudaOptions(0, act, cache, true, 512, 4096));
      this.batch = scenario.batch();
      this.rows = new RowRange(0, batch.rows());
      this.layer =
          new KvLayer(
              geometry,
              upload(scenario.kv().inMemory(on.keyOrder()), cache),
              upload(scenario.kv().values(), cache),
              Map.of(),
              window);
      this.q =
          HalfFloats.round(
              HalfFloats.round(
                  GuardedTensor.random(random, batch.rows(), scenario.queryColumns()), act),
              cache);
      this.query = upload(q, act);
      this.out = on.allocate(act, batch.rows(), scenario.queryColumns());
      this.sums = on.allocate(batch.rows(), scenario.queryHeads());
      int tokens = scenario.longestPages() * pageSize;
      this.list = on.allocatePageList(batch.rows(), KV_HEADS, tokens);
    }

    private Tensor upload(float[][] rounded, DType dtype) {
      return TestDriver.upload(on, HalfFloats.host(rounded, dtype), dtype);
    }

    /** Random scores for every unit of every (row, KV head). */
    float[][] randomScores(int unit) {
      int units = scenario.longestPages() * layer.geometry().pageSize() / unit;
      return GuardedTensor.random(random, batch.rows() * KV_HEADS, units);
    }

    /** Fills the list with the best units, of which {@code scores} has one each. */
    int[][][] choose(float[][] scores, PageBudget budget) {
      Tensor given = upload(scores, DType.F32);
      on.ops().topPages(list, given, budget.unit(), layer, on.load(batch), rows, budget);
      return lists();
    }

    int[][][] chooseAll(int unit) {
      on.ops().keepPages(list, layer, on.load(batch), rows, PageBudget.all(unit));
      return lists();
    }

    private int[][][] lists() {
      int[][][] lists = new int[batch.rows()][KV_HEADS][];
      for (int r = 0; r < batch.rows(); r++) {
        for (int h = 0; h < KV_HEADS; h++) {
          lists[r][h] = list.read(r, h);
        }
      }
      return lists;
    }

    float[][] attend() {
      LoadedBatch loaded = on.load(batch);
      on.ops().attendPages(out, sums, query, layer, loaded, rows, list, SCALE);
      return GuardedTensor.matrix(on, out);
    }

    void checkAttended(String what, int[][][] lists) {
      LoadedBatch loaded = on.load(batch);
      on.ops().attendPages(out, sums, query, layer, loaded, rows, list, SCALE);
      ReadCounters counters = loaded.counters();
      float[][] actual = GuardedTensor.matrix(on, out);
      float[][] actualSums = GuardedTensor.matrix(on, sums);
      ReferenceTensorOps reference = new ReferenceTensorOps();
      DType cache = layer.geometry().dtype();
      double weights = cache == DType.F32 ? 0 : unitRoundoff(cache);
      for (int r = 0; r < batch.rows(); r++) {
        var expected =
            reference.attend(scenario.kv(), q[r], batch, r, lists[r], list.unit(), SCALE);
        int tokens = batch.positions()[r] + 1;
        double tolerance =
            unitRoundoff(act) + weights + Tolerance.average(layer.geometry().headDim() + tokens);
        assertClose(what + ", row " + r, actual[r], expected.out(), tolerance);
        assertClose(what + ", sums of row " + r, actualSums[r], expected.logSumExp(), tolerance);
        int entries = Arrays.stream(lists[r]).mapToInt(one -> one.length).sum();
        assertThat(counters.pagesAttended()[r]).as(what + ", row " + r).isEqualTo(entries);
        assertThat(counters.tokensAttended()[r])
            .as(what + ", row " + r)
            .isEqualTo(expected.tokens());
      }
    }

    @Override
    public void close() {
      list.close();
      on.close();
    }
  }

  /** Windows cut units and pages; the last units hold from one token to all of theirs. */
  @ParameterizedTest
  @CsvSource({
    "F32,F32,16,16,0",
    "F32,F32,24,12,61",
    "F32,BF16,64,16,0",
    "BF16,BF16,64,48,133",
    "BF16,BF16,128,16,101",
    "BF16,F16,96,32,0",
    "F32,F16,256,32,77"
  })
  void anyUnitIsReadWhereItStands(DType act, DType cache, int headDim, int pageSize, int window) {
    List<Span> spans =
        List.of(new Span(0, 3), new Span(290, 9), new Span(127, 2), new Span(pageSize - 1, 2));
    try (Run run = new Run(act, cache, headDim, pageSize, window, spans)) {
      for (int unit = 1; unit <= pageSize; unit++) {
        if (pageSize % unit == 0) {
          int[][][] some =
              run.choose(
                  run.randomScores(unit), new PageBudget(unit, 1 + 70 / unit, unit + 1, 2, 0));
          run.checkAttended("some units of " + unit, some);
        }
      }
    }
  }

  /** Also where a window hides the first units of a page. */
  @ParameterizedTest
  @CsvSource({
    "F32,F32,16,16,0,300",
    "F32,F32,24,12,61,300",
    "BF16,BF16,64,48,133,900",
    "BF16,BF16,128,16,0,300",
    "BF16,F16,96,32,245,700",
    "F32,F16,256,32,77,300"
  })
  void allUnitsAreAllPagesBitForBit(
      DType act, DType cache, int headDim, int pageSize, int window, int context) {
    List<Span> spans = List.of(new Span(0, 3), new Span(context, 5), new Span(255, 3));
    try (Run run = new Run(act, cache, headDim, pageSize, window, spans)) {
      run.chooseAll(pageSize);
      float[][] pages = run.attend();
      for (int unit = 1; unit < pageSize; unit++) {
        if (pageSize % unit == 0) {
          run.checkAttended("all units of " + unit, run.chooseAll(unit));
          assertClose("all units of " + unit, run.attend(), pages, Tolerance.exact());
        }
      }
    }
  }

  /**
   * More units than 64 splits of 256 tokens hold, and the same with one of ten left out. Pages of
   * 48 tokens are no part of a split: 342 of them take one more than the tokens that are in them.
   */
  @ParameterizedTest
  @CsvSource({
    "BF16,BF16,64,16,8,0,17003",
    "F32,BF16,64,48,12,0,16379",
    "F32,BF16,64,32,4,0,16999",
    "F32,F32,16,16,1,16777,17003"
  })
  void listsLongerThanTheSplits(
      DType act, DType cache, int headDim, int pageSize, int unit, int window, int position) {
    List<Span> spans = List.of(new Span(position, 1));
    try (Run run = new Run(act, cache, headDim, pageSize, window, spans)) {
      run.chooseAll(pageSize);
      float[][] pages = run.attend();
      run.chooseAll(unit);
      assertClose("all units", run.attend(), pages, Tolerance.exact());
      int[][][] most =
          run.choose(run.randomScores(unit), new PageBudget(unit, 15_300 / unit, 0, 0, 0));
      assertThat(most[0][0]).hasSize(15_300 / unit);
      run.checkAttended("most units", most);
    }
  }

  /** Blocks of 8 from anywhere, and the same tokens one by one. */
  @ParameterizedTest
  @CsvSource({"BF16,BF16,128,16", "F32,F16,64,32", "F32,F32,24,24"})
  void theSameTokensGiveTheSameBits(DType act, DType cache, int headDim, int pageSize) {
    int block = 8;
    List<Span> spans = List.of(new Span(421, 6));
    try (Run run = new Run(act, cache, headDim, pageSize, 0, spans)) {
      for (int row = 0; row < run.batch.rows(); row++) {
        // Rows of one call have one budget, but tokens of the current block differ by row.
        int position = run.batch.positions()[row];
        int[][][] blocks = run.choose(run.randomScores(block), new PageBudget(block, 11, 0, 0, 0));
        float[] expected = run.attend()[row];
        float[][] scores = run.randomScores(1);
        for (int h = 0; h < KV_HEADS; h++) {
          float[] ofHead = scores[row * KV_HEADS + h];
          for (int entry : blocks[row][h]) {
            Arrays.fill(ofHead, entry * block, (entry + 1) * block, 2);
          }
        }
        int tokens = 10 * block + position % block + 1;
        int[][][] single = run.choose(scores, new PageBudget(1, tokens, 0, 0, 0));
        for (int h = 0; h < KV_HEADS; h++) {
          int[] listed =
              Arrays.stream(blocks[row][h])
                  .flatMap(entry -> IntStream.range(entry * block, (entry + 1) * block))
                  .filter(at -> at <= position)
                  .toArray();
          assertThat(single[row][h]).isEqualTo(listed);
        }
        assertClose("row " + row, run.attend()[row], expected, Tolerance.exact());
      }
    }
  }
}
