package dev.questspark.engine.ops;

import static dev.questspark.engine.ops.HalfFloats.unitRoundoff;
import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.cache.PrefixStore;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.CpuBackend;
import dev.questspark.engine.ops.cuda.CudaBackend;
import dev.questspark.engine.ops.cuda.CudaOptions;
import dev.questspark.engine.ops.cuda.RequiresCuda;
import dev.questspark.engine.ops.cuda.TestDriver;
import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.ops.prefix.KeptSlots;
import dev.questspark.engine.ops.prefix.PageFormat;
import dev.questspark.engine.ops.prefix.PrefixGeometry;
import dev.questspark.engine.ops.prefix.PrefixRows;
import dev.questspark.engine.ops.prefix.PrefixTable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The ops on prefixes for every element type, head_dim and group that has code of its own, beside
 * the CPU's floats of the same numbers.
 */
@RequiresCuda
class CudaPrefixFormsTest {
  private static final int HEADS = 2;
  private static final int PAGE = 16;
  private static final int TOKENS = 900;
  private static final int ROWS = 3;

  private final Random random = new Random(29);

  /** One document's keys and values of one layer, and what its heads keep. */
  private record Document(KvGeometry geometry, float[][] keys, float[][] values, KeptSlots kept) {}

  private Document document(int headDim, DType cache) {
    KvGeometry geometry = new KvGeometry(1, HEADS, headDim, PAGE, cache, cache, 8);
    int rows = (TOKENS / PAGE + 2) * HEADS * PAGE;
    float[][] keys = HalfFloats.round(GuardedTensor.random(random, rows, headDim), cache);
    float[][] values = HalfFloats.round(GuardedTensor.random(random, rows, headDim), cache);
    int[] some = IntStream.range(0, TOKENS).filter(p -> random.nextInt(4) > 0).toArray();
    int[] few = {77, 3, 512};
    return new Document(
        geometry, keys, values, new KeptSlots(List.of(some, few), new int[] {0, 1}));
  }

  /** What rows see of it, whole and by their best units. */
  private record Seen(
      float[][] whole, float[][] sums, float[][] listed, int[][] lists, ReadCounters counters) {}

  private Seen see(
      Backend on, Document document, PageFormat format, DType digests, DType act, float[][] q) {
    KvGeometry geometry = document.geometry;
    boolean cuda = on instanceof CudaBackend;
    DType cache = cuda ? geometry.dtype() : DType.F32;
    DType compute = cuda ? act : DType.F32;
    KvGeometry live = new KvGeometry(1, HEADS, geometry.headDim(), PAGE, cache, cache, 8);
    float[][] ordered =
        new HostKv(live, 0, document.keys, document.values, Map.of()).inMemory(on.keyOrder());
    KvLayer kv =
        new KvLayer(
            live, upload(on, ordered, cache), upload(on, document.values, cache), Map.of(), 0);
    DType digestDType = digests == DType.I8 ? DType.I8 : cache;
    PrefixGeometry store = new PrefixGeometry(geometry.headDim(), 8, cache, digestDType, format);
    int pages = document.kept.pages();
    List<Integer> ids = new ArrayList<>(IntStream.rangeClosed(1, pages + 5).boxed().toList());
    Collections.shuffle(ids, new Random(7));
    PrefixTable table =
        PrefixTable.of(
            TOKENS,
            HEADS,
            document.kept.slots(),
            ids.stream().mapToInt(Integer::intValue).toArray());
    try (PrefixStore memory =
        new PrefixStore(on, store, pages + 5, Set.of(PageScores.MINMAX, PageScores.MEANSTD))) {
      int[] livePages = IntStream.rangeClosed(1, TOKENS / PAGE + 1).toArray();
      on.prefixOps().compressPages(memory.memory(), table, kv, 0, livePages, document.kept);
      int group = q[0].length / geometry.headDim() / HEADS;
      Tensor queries = upload(on, q, compute);
      LoadedBatch batch = on.load(decodeRows(20));
      RowRange rows = new RowRange(0, ROWS);
      PrefixRows prefixes = new PrefixRows(memory.memory(), rows, Collections.nCopies(ROWS, table));
      Tensor out = upload(on, filled(q[0].length, 0.5f), compute);
      Tensor sums = upload(on, filled(HEADS * group, 1.5f), DType.F32);
      on.prefixOps().attendPrefix(out, sums, queries, prefixes, 0, batch, rows, 0.125f, 0);
      float[][] whole = GuardedTensor.matrix(on, out);
      float[][] wholeSums = GuardedTensor.matrix(on, sums);
      PageList list = on.allocatePageList(ROWS, HEADS, TOKENS / 8 + 1);
      Tensor scores = on.allocate(ROWS * HEADS, TOKENS / 8 + 1);
      PageBudget budget = new PageBudget(8, 30, 20, 40, 0);
      on.prefixOps()
          .scorePrefix(
              scores,
              queries,
              prefixes,
              0,
              batch,
              rows,
              Scoring.of(PageScores.MINMAX, GroupReduction.SUM),
              budget);
      on.prefixOps().topPrefix(list, scores, prefixes, 0, batch, rows, budget);
      Tensor again = upload(on, filled(q[0].length, 0.5f), compute);
      on.prefixOps().attendPrefix(again, sums, queries, prefixes, 0, batch, rows, list, 0.125f, 0);
      int[][] lists = new int[ROWS * HEADS][];
      for (int i = 0; i < lists.length; i++) {
        lists[i] = list.read(i / HEADS, i % HEADS);
      }
      float[][] listed = GuardedTensor.matrix(on, again);
      ReadCounters counters = batch.counters();
      list.close();
      return new Seen(whole, wholeSums, listed, lists, counters);
    }
  }

  private static float[][] filled(int cols, float value) {
    float[][] matrix = new float[ROWS][cols];
    Arrays.stream(matrix).forEach(row -> Arrays.fill(row, value));
    return matrix;
  }

  private static Tensor upload(Backend on, float[][] rounded, DType dtype) {
    return on instanceof CudaBackend cuda
        ? TestDriver.upload(cuda, HalfFloats.host(rounded, dtype), dtype)
        : on.upload(GuardedTensor.host("rounded", rounded));
  }

  private static RaggedBatch decodeRows(int position) {
    int[] positions = new int[ROWS];
    Arrays.fill(positions, position);
    int[] ends = IntStream.rangeClosed(0, ROWS).toArray();
    int pages = position / PAGE + 1;
    return new RaggedBatch(
        new int[ROWS],
        positions,
        ends,
        Arrays.stream(ends).map(end -> end * pages).toArray(),
        new int[ROWS * pages],
        new int[0]);
  }

  @ParameterizedTest
  @CsvSource({
    "F32,  F32,  64,  3, INT4, F32",
    "F32,  F32,  32,  9, K4V2, F32",
    "F32,  BF16, 64,  3, WHOLE, I8",
    "F32,  F16,  96,  2, WHOLE, F16",
    "BF16, BF16, 64,  4, WHOLE, BF16",
    "BF16, BF16, 128, 4, INT4, I8",
    "BF16, BF16, 128, 4, INT8, BF16",
    "BF16, BF16, 256, 8, INT2, I8",
    "BF16, F16,  64,  1, K4V2, I8",
    "BF16, F16,  256, 9, WHOLE, F16"
  })
  void theSameNumbersGiveTheSameAttention(
      DType act, DType cache, int headDim, int group, PageFormat format, DType digests) {
    Document document = document(headDim, cache);
    float[][] q =
        HalfFloats.round(GuardedTensor.random(random, ROWS, HEADS * group * headDim), act);
    Seen expected;
    try (Backend cpu = CpuBackend.open(new BackendOptions(2, DType.F32, true))) {
      expected = see(cpu, document, format, digests, act, q);
    }
    try (CudaBackend cuda = TestDriver.open(new CudaOptions(0, act, cache, true, 512, 4096))) {
      Seen seen = see(cuda, document, format, digests, act, q);
      double tolerance = 2 * unitRoundoff(act) + 3e-5;
      assertClose(seen.whole, expected.whole, tolerance);
      assertClose(seen.sums, expected.sums, 1e-4);
      assertThat(seen.counters.prefixTokens()).isEqualTo(expected.counters.prefixTokens());
      assertThat(seen.counters.tokensAttended()).isEqualTo(expected.counters.tokensAttended());
      assertThat(seen.counters.pagesAttended()).isEqualTo(expected.counters.pagesAttended());
      assertThat(seen.counters.pagesScored()).isEqualTo(expected.counters.pagesScored());
      if (act == DType.F32 && cache == DType.F32) { // elsewhere digests are rounded on one side
        assertThat(seen.lists).isEqualTo(expected.lists);
        assertClose(seen.listed, expected.listed, tolerance);
      }
      for (int i = 0; i < seen.lists.length; i++) {
        assertThat(seen.lists[i]).hasSameSizeAs(expected.lists[i]);
        assertThat(common(seen.lists[i], expected.lists[i]))
            .as("units of list %d that both choose", i)
            .isGreaterThanOrEqualTo(0.75 * expected.lists[i].length);
      }
    }
  }

  private static double common(int[] a, int[] b) {
    return Arrays.stream(a).filter(x -> Arrays.binarySearch(b, x) >= 0).count();
  }

  private static void assertClose(float[][] seen, float[][] expected, double tolerance) {
    for (int r = 0; r < expected.length; r++) {
      for (int c = 0; c < expected[r].length; c++) {
        assertThat(Math.abs(seen[r][c] - expected[r][c]))
            .as("row %d, column %d", r, c)
            .isLessThanOrEqualTo((float) (tolerance * Math.max(1, Math.abs(expected[r][c]))));
      }
    }
  }
}
