package dev.questspark.engine.ops.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Scoring;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScores;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Quest's promise (arXiv 2406.10774, section 3.3): a page's score is at least its largest q.k. */
class QuestBoundTest {
  private static final int PAGES = 2_500;

  /**
   * The bound holds exactly for real numbers. In float, a dot product of n = 2 D terms (half of
   * them zero) summed in 16 chains of fused multiply-adds errs by at most (n / 16 + 4) half-ulps of
   * sum |q_i| max(|m_i|, |M_i|): one rounding per step of a chain, four to add the chains. That
   * much and no more is allowed. Keys are compared in double.
   */
  @ParameterizedTest
  @CsvSource({"1,16,16", "1,64,16", "4,64,16", "2,128,32", "7,32,4"})
  void scoresBoundEveryKey(int group, int headDim, int pageSize) {
    int queries = 200_000 / PAGES / group + 1; // 5 shapes x 200,000 pairs = 10^6
    Random random = new Random(headDim + group);
    int tokens = PAGES * pageSize;
    try (CpuBackend backend = CpuBackend.open(new BackendOptions(2, DType.F32, true))) {
      KvLayer kv = filledLayer(backend, random, headDim, pageSize, tokens);
      LoadedBatch batch = backend.load(queryRows(queries, tokens, pageSize));
      Tensor q = random(backend, random, queries, group * headDim);
      Tensor scores = backend.allocate(queries, PAGES + 1);
      backend
          .ops()
          .scorePages(
              scores,
              q,
              kv,
              batch,
              new RowRange(0, queries),
              Scoring.of(PageScores.MINMAX, GroupReduction.MAX),
              new PageBudget(pageSize, 1, 0, 0, 0));
      long pairs = 0;
      for (int row = 0; row < queries; row++) {
        for (int page = 0; page < PAGES; page++, pairs += group) {
          float score = HeapBuffer.floats(scores)[HeapBuffer.at(scores, row) + page];
          for (int g = 0; g < group; g++) {
            int query = HeapBuffer.at(q, row) + g * headDim;
            double largest = Double.NEGATIVE_INFINITY;
            double magnitude = 0;
            for (int slot = 0; slot < pageSize; slot++) {
              double logit = 0;
              double absolute = 0;
              int key = page * pageSize * headDim + slot;
              for (int i = 0; i < headDim; i++) {
                double x = HeapBuffer.floats(q)[query + i];
                float k = HeapBuffer.floats(kv.keys())[key + i * pageSize];
                logit += x * k;
                absolute += Math.abs(x * k);
              }
              largest = Math.max(largest, logit);
              magnitude += absolute; // at least sum |q_i| max |k_i|
            }
            double allowed = (2 * headDim / 16 + 4) * 0x1p-24 * magnitude;
            if (score < largest - allowed) {
              assertThat((double) score)
                  .as("score of page %d for row %d head %d", page, row, g)
                  .isGreaterThanOrEqualTo(largest - allowed);
            }
          }
        }
      }
      assertThat(pairs).isGreaterThanOrEqualTo(200_000);
    }
  }

  /** A partial page's digest bounds the keys present, and knows of no others. */
  @Test
  void partialPagesBoundTheirTokens() {
    int headDim = 64;
    Random random = new Random(11);
    try (CpuBackend backend = CpuBackend.open(new BackendOptions(1, DType.F32, true))) {
      for (int trial = 0; trial < 2_000; trial++) {
        int tokens = 1 + random.nextInt(15);
        KvLayer kv = filledLayer(backend, random, headDim, 16, tokens);
        float[] keys = HeapBuffer.floats(kv.keys());
        float[] pair = HeapBuffer.floats(kv.digests().get(PageScores.MINMAX));
        for (int i = 0; i < headDim; i++) {
          float min = Float.POSITIVE_INFINITY;
          float max = Float.NEGATIVE_INFINITY;
          for (int t = 0; t < tokens; t++) {
            min = Math.min(min, keys[i * 16 + t]);
            max = Math.max(max, keys[i * 16 + t]);
          }
          assertThat(pair[i]).isEqualTo(min);
          assertThat(pair[headDim + i]).isEqualTo(max);
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1", "2", "17", "1000", "2499", "2500"})
  void topPagesAreTheBestOfAll(int budget) {
    Random random = new Random(budget);
    int rows = 20;
    int tokens = PAGES * 16;
    try (CpuBackend backend = CpuBackend.open(new BackendOptions(2, DType.F32, true))) {
      KvLayer kv = filledLayer(backend, random, 2, 16, 1);
      LoadedBatch batch = backend.load(queryRows(rows, tokens, 16));
      Tensor scores = backend.allocate(rows, PAGES + 1);
      float[] values = HeapBuffer.floats(scores);
      for (int i = 0; i < values.length; i++) {
        int row = i / (PAGES + 1);
        // From all distinct to nearly all equal, of both signs and all magnitudes.
        double value = random.nextGaussian() * Math.pow(10, random.nextInt(20) - 10);
        values[i] =
            row % 2 == 0 ? (float) value : Math.round(random.nextGaussian() * (row / 4 + 1));
      }
      RowRange all = new RowRange(0, rows);
      PageList list = backend.allocatePageList(rows, 1, PAGES + 1);
      backend.ops().topPages(list, scores, 16, kv, batch, all, new PageBudget(16, budget, 0, 0, 0));
      for (int row = 0; row < rows; row++) {
        int at = HeapBuffer.at(scores, row);
        IntStream best =
            IntStream.range(0, PAGES)
                .boxed()
                .sorted(
                    Comparator.comparingDouble((Integer page) -> 0.0 - values[at + page])
                        .thenComparing(page -> page))
                .limit(budget - 1L)
                .mapToInt(page -> page);
        int[] expected = IntStream.concat(best, IntStream.of(PAGES)).sorted().toArray();
        assertThat(list.read(row, 0)).as("row %d", row).isEqualTo(expected);
      }
    }
  }

  /** A layer of one KV head whose first {@code tokens} slots were appended, one row a token. */
  private static KvLayer filledLayer(
      CpuBackend backend, Random random, int headDim, int pageSize, int tokens) {
    KvGeometry geometry = new KvGeometry(1, 1, headDim, pageSize, DType.F32);
    int pages = geometry.pagesFor(tokens) + 1;
    KvLayer kv =
        new KvLayer(
            geometry,
            backend.allocate(pages * pageSize, headDim),
            backend.allocate(pages * pageSize, headDim),
            Map.of(PageScores.MINMAX, backend.allocate(pages, 2 * headDim)),
            0);
    int[] positions = IntStream.range(0, tokens).toArray();
    int[] table = IntStream.range(0, geometry.pagesFor(tokens)).toArray();
    RaggedBatch batch =
        new RaggedBatch(
            new int[tokens],
            positions,
            new int[] {0, tokens},
            new int[] {0, table.length},
            table,
            new int[0]);
    Tensor rope = random(backend, random, tokens, headDim);
    Tensor q = random(backend, random, tokens, headDim);
    Tensor k = random(backend, random, tokens, headDim);
    backend.ops().appendKv(kv, q, k, k, rope, backend.load(batch));
    return kv;
  }

  /** Rows one token past the last page, so that every page is a candidate; a span each. */
  private static RaggedBatch queryRows(int rows, int tokens, int pageSize) {
    int pages = tokens / pageSize + 1;
    int[] positions = new int[rows];
    int[] table = new int[rows * pages];
    Arrays.fill(positions, tokens);
    Arrays.setAll(table, i -> i % pages);
    int[] spanRows = IntStream.rangeClosed(0, rows).toArray();
    int[] spanPages = IntStream.rangeClosed(0, rows).map(s -> s * pages).toArray();
    return new RaggedBatch(new int[rows], positions, spanRows, spanPages, table, new int[0]);
  }

  private static Tensor random(CpuBackend backend, Random random, int rows, int cols) {
    Tensor tensor = backend.allocate(rows, cols);
    float[] floats = HeapBuffer.floats(tensor);
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) random.nextGaussian();
    }
    return tensor;
  }
}
