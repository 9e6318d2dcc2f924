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

/** Quest's promise (arXiv 2406.10774, section 3.3): a block's score is at least its largest q.k. */
class QuestBoundTest {
  private static final int BLOCKS = 2_500;

  /**
   * The bound holds exactly for real numbers. In float, a dot product of n = 2 D terms (half of
   * them zero) summed in 16 chains of fused multiply-adds errs by at most (n / 16 + 4) half-ulps of
   * sum |q_i| max(|m_i|, |M_i|): one rounding per step of a chain, four to add the chains. That
   * much and no more is allowed. Keys are compared in double.
   */
  @ParameterizedTest
  @CsvSource({
    "1,16,16,16,F32",
    "4,64,16,16,I8",
    "7,64,16,8,I8",
    "2,128,32,8,I8",
    "3,64,16,4,I8",
    "1,64,16,16,BF16",
    "4,64,16,8,BF16",
    "7,32,4,4,BF16"
  })
  void scoresBoundEveryKey(int group, int headDim, int pageSize, int blockSize, DType digests) {
    int queries = 200_000 / BLOCKS / group + 1; // 8 shapes x 200,000 pairs, of tokens each
    Random random = new Random(headDim + group);
    int tokens = BLOCKS * blockSize;
    DType cache = digests == DType.I8 ? DType.F32 : digests;
    KvGeometry geometry = new KvGeometry(1, 1, headDim, pageSize, cache, digests, blockSize);
    try (CpuBackend backend = CpuBackend.open(new BackendOptions(2, cache, true))) {
      KvLayer kv = filledLayer(backend, random, geometry, tokens);
      LoadedBatch batch = backend.load(queryRows(queries, tokens, pageSize));
      Tensor q = random(backend, random, queries, group * headDim);
      Tensor scores = backend.allocate(queries, BLOCKS + 1);
      backend
          .ops()
          .scorePages(
              scores,
              q,
              kv,
              batch,
              new RowRange(0, queries),
              Scoring.of(PageScores.MINMAX, GroupReduction.MAX),
              new PageBudget(blockSize, 1, 0, 0, 0));
      float[] page = new float[pageSize * headDim];
      long pairs = 0;
      for (int block = 0; block < BLOCKS; block++) {
        backend.readKeys(kv, block * blockSize / pageSize, 0, page);
        int from = block * blockSize % pageSize * headDim;
        float[] keys = Arrays.copyOfRange(page, from, from + blockSize * headDim);
        float[] magnitudes = magnitudes(keys, headDim, digests);
        for (int row = 0; row < queries; row++, pairs += group) {
          float score = HeapBuffer.floats(scores)[HeapBuffer.at(scores, row) + block];
          for (int g = 0; g < group; g++) {
            int query = HeapBuffer.at(q, row) + g * headDim;
            double largest = Double.NEGATIVE_INFINITY;
            for (int key = 0; key < keys.length; key += headDim) {
              double logit = 0;
              for (int i = 0; i < headDim; i++) {
                logit += (double) HeapBuffer.floats(q)[query + i] * keys[key + i];
              }
              largest = Math.max(largest, logit);
            }
            double magnitude = 0;
            for (int i = 0; i < headDim; i++) {
              magnitude += Math.abs(HeapBuffer.floats(q)[query + i]) * (double) magnitudes[i];
            }
            double allowed = (2 * headDim / 16 + 4) * 0x1p-24 * magnitude;
            if (score < largest - allowed) {
              assertThat((double) score)
                  .as("score of block %d for row %d head %d", block, row, g)
                  .isGreaterThanOrEqualTo(largest - allowed);
            }
          }
        }
      }
      assertThat(pairs).isGreaterThanOrEqualTo(200_000);
    }
  }

  /** At least the larger magnitude of each channel's stored digest: in 8 bits one step more. */
  private static float[] magnitudes(float[] keys, int headDim, DType digests) {
    float[] magnitudes = new float[headDim];
    for (int i = 0; i < keys.length; i++) {
      magnitudes[i % headDim] = Math.max(magnitudes[i % headDim], Math.abs(keys[i]));
    }
    if (digests != DType.I8) {
      return magnitudes;
    }
    float[] stored = magnitudes.clone();
    for (int i = 0; i < headDim; i++) {
      int from = i / KvGeometry.SCALE_CHANNELS * KvGeometry.SCALE_CHANNELS;
      for (int j = from; j < from + KvGeometry.SCALE_CHANNELS; j++) {
        stored[i] = Math.max(stored[i], magnitudes[i] + magnitudes[j] / 63);
      }
    }
    return stored;
  }

  /** A partial block's digest bounds the keys present, and knows of no others. */
  @Test
  void partialBlocksBoundTheirTokens() {
    int headDim = 64;
    Random random = new Random(11);
    try (CpuBackend backend = CpuBackend.open(new BackendOptions(1, DType.F32, true))) {
      for (int trial = 0; trial < 2_000; trial++) {
        int tokens = 1 + random.nextInt(15);
        KvGeometry geometry = new KvGeometry(1, 1, headDim, 16, DType.F32, DType.F32, 8);
        KvLayer kv = filledLayer(backend, random, geometry, tokens);
        float[] keys = new float[16 * headDim];
        backend.readKeys(kv, 0, 0, keys);
        float[] pairs = HeapBuffer.floats(kv.digests().get(PageScores.MINMAX));
        for (int i = 0; i < headDim; i++) {
          for (int first = 0; first < tokens; first += 8) {
            float min = Float.POSITIVE_INFINITY;
            float max = Float.NEGATIVE_INFINITY;
            for (int t = first; t < Math.min(tokens, first + 8); t++) {
              min = Math.min(min, keys[t * headDim + i]);
              max = Math.max(max, keys[t * headDim + i]);
            }
            int pair = first / 8 * 2 * headDim;
            assertThat(pairs[pair + i]).isEqualTo(min);
            assertThat(pairs[pair + headDim + i]).isEqualTo(max);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1", "2", "17", "1000", "2499", "2500"})
  void topPagesAreTheBestOfAll(int budget) {
    Random random = new Random(budget);
    int rows = 20;
    int tokens = BLOCKS * 16;
    try (CpuBackend backend = CpuBackend.open(new BackendOptions(2, DType.F32, true))) {
      KvLayer kv = filledLayer(backend, random, new KvGeometry(1, 1, 2, 16, DType.F32), 1);
      LoadedBatch batch = backend.load(queryRows(rows, tokens, 16));
      Tensor scores = backend.allocate(rows, BLOCKS + 1);
      float[] values = HeapBuffer.floats(scores);
      for (int i = 0; i < values.length; i++) {
        int row = i / (BLOCKS + 1);
        // From all distinct to nearly all equal, of both signs and all magnitudes.
        double value = random.nextGaussian() * Math.pow(10, random.nextInt(20) - 10);
        values[i] =
            row % 2 == 0 ? (float) value : Math.round(random.nextGaussian() * (row / 4 + 1));
      }
      RowRange all = new RowRange(0, rows);
      PageList list = backend.allocatePageList(rows, 1, BLOCKS + 1);
      backend.ops().topPages(list, scores, 16, kv, batch, all, new PageBudget(16, budget, 0, 0, 0));
      for (int row = 0; row < rows; row++) {
        int at = HeapBuffer.at(scores, row);
        IntStream best =
            IntStream.range(0, BLOCKS)
                .boxed()
                .sorted(
                    Comparator.comparingDouble((Integer page) -> 0.0 - values[at + page])
                        .thenComparing(page -> page))
                .limit(budget - 1L)
                .mapToInt(page -> page);
        int[] expected = IntStream.concat(best, IntStream.of(BLOCKS)).sorted().toArray();
        assertThat(list.read(row, 0)).as("row %d", row).isEqualTo(expected);
      }
    }
  }

  /** A layer of one KV head whose first {@code tokens} slots were appended, one row a token. */
  private static KvLayer filledLayer(
      CpuBackend backend, Random random, KvGeometry geometry, int tokens) {
    int headDim = geometry.headDim();
    int pageSize = geometry.pageSize();
    int pages = geometry.pagesFor(tokens) + 1;
    KvLayer kv =
        new KvLayer(
            geometry,
            backend.allocate(geometry.dtype(), pages * pageSize, headDim),
            backend.allocate(geometry.dtype(), pages * pageSize, headDim),
            Map.of(
                PageScores.MINMAX,
                backend.allocate(
                    geometry.digestDType(),
                    pages * geometry.blocksPerPage(),
                    geometry.digestColumns())),
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
