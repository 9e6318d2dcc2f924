package dev.questspark.engine.ops;

import static dev.questspark.engine.ops.Tolerance.assertClose;
import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.ops.cuda.CudaBackend;
import dev.questspark.engine.ops.cuda.CudaOptions;
import dev.questspark.engine.ops.cuda.RequiresCuda;
import dev.questspark.engine.ops.cuda.TestDriver;
import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * To digests, a page of B blocks is B small pages. So a cache whose pages have blocks must have the
 * digests and scores, to the bit, of one whose pages are those blocks.
 */
@RequiresCuda
class CudaDigestBlocksTest {
  private static final float SCALE = 0.3f;
  private static final int[] LENGTHS = {1, 203, 64, 77};

  private final Random random = new Random(31);

  /** One layer of a backend, filled with the sequences of a case. */
  private record Cache(CudaBackend on, DigestCase shape, KvLayer layer, int blocksPerPage) {

    /** A cache whose pages hold digest blocks, or, if {@code small}, whose pages are these. */
    static Cache of(CudaBackend on, DigestCase shape, DType digest, boolean small) {
      int block = shape.blockSize();
      int pageSize = small ? block : shape.pageSize();
      KvGeometry geometry =
          new KvGeometry(
              1, shape.kvHeads(), shape.headDim(), pageSize, shape.cache(), digest, block);
      int blocks = shape.poolPages() * shape.pageSize() / block * shape.kvHeads();
      Map<PageScore, Tensor> digests = PageScores.map();
      for (PageScore score : PageScores.KNOWN) {
        digests.put(score, on.allocate(digest, blocks, geometry.digestColumns()));
      }
      KvLayer layer =
          new KvLayer(
              geometry,
              on.allocate(shape.cache(), blocks * block, shape.headDim()),
              on.allocate(shape.cache(), blocks * block, shape.headDim()),
              digests,
              shape.window());
      return new Cache(on, shape, layer, small ? shape.pageSize() / block : 1);
    }

    /** The same rows, with the page table of this cache. */
    RaggedBatch rows(int[] from, int[] to) {
      RaggedBatch batch = shape.rows(from, to);
      int b = blocksPerPage;
      int[] table =
          Arrays.stream(batch.pageTable())
              .flatMap(page -> IntStream.range(page * b, (page + 1) * b))
              .toArray();
      int[] spanPages = Arrays.stream(batch.spanPages()).map(at -> at * b).toArray();
      return new RaggedBatch(
          batch.tokens(), batch.positions(), batch.spanRows(), spanPages, table, batch.logitRows());
    }

    RaggedBatch lastRows() {
      return rows(IntStream.of(shape.lengths()).map(n -> n - 1).toArray(), shape.lengths());
    }

    /** Fills the sequences in pieces that begin and end anywhere in a block. */
    void fill(long seed) {
      Random cuts = new Random(seed);
      int[] filled = new int[shape.lengths().length];
      while (!Arrays.equals(filled, shape.lengths())) {
        int[] from = filled.clone();
        for (int s = 0; s < filled.length; s++) {
          filled[s] = Math.min(shape.lengths()[s], filled[s] + cuts.nextInt(45));
        }
        append(rows(from, filled));
      }
    }

    private void append(RaggedBatch batch) {
      if (batch.rows() == 0) {
        return;
      }
      int columns = shape.kvHeads() * shape.headDim();
      float[][] keys = new float[batch.rows()][];
      for (int s = 0; s < batch.spans(); s++) {
        for (int r = batch.spanRows()[s]; r < batch.spanRows()[s + 1]; r++) {
          Random ofToken = new Random(1000L * s + batch.positions()[r]);
          keys[r] = GuardedTensor.random(ofToken, 1, columns)[0];
        }
      }
      float[][] rope = GuardedTensor.random(new Random(5), 300, shape.headDim());
      Tensor q = upload(new float[batch.rows()][columns * shape.group()]);
      Tensor k = upload(keys);
      Tensor v = upload(keys);
      Tensor table = TestDriver.upload(on, HalfFloats.host(rope, DType.F32), DType.F32);
      on.ops().appendKv(layer, q, k, v, table, on.load(batch));
    }

    Tensor upload(float[][] rows) {
      DType act = shape.activations();
      return TestDriver.upload(on, HalfFloats.host(HalfFloats.round(rows, act), act), act);
    }

    /** Pairs of all blocks that hold some tokens. */
    float[][] pairs(PageScore score) {
      float[][] all = GuardedTensor.matrix(on, layer.digests().get(score));
      return shape.blocks(LENGTHS).stream()
          .mapToInt(DigestCase.Block::id)
          .flatMap(id -> IntStream.range(id * shape.kvHeads(), (id + 1) * shape.kvHeads()))
          .mapToObj(row -> Arrays.copyOf(all[row], 2 * shape.headDim()))
          .toArray(float[][]::new);
    }

    /** Scores of the last row of each sequence; NaN where there is none. */
    float[][] scores(Tensor q, PageScore score, GroupReduction reduction) {
      PageBudget budget = new PageBudget(shape.blockSize(), 3, 1, 1, 0);
      LoadedBatch loaded = on.load(lastRows());
      int columns = shape.longestBlocks();
      int lists = LENGTHS.length * shape.kvHeads();
      Tensor scores = blank(lists, columns);
      Optional<Tensor> heads = Optional.of(blank(lists * shape.group(), columns));
      Scoring scoring = new Scoring(score, reduction, SCALE, heads);
      on.ops().scorePages(scores, q, layer, loaded, all(), scoring, budget);
      long[] counted = loaded.counters().pagesScored();
      float[][] read = GuardedTensor.matrix(on, scores);
      for (int r = 0; r < LENGTHS.length; r++) {
        long scored = 0;
        for (int h = 0; h < shape.kvHeads(); h++) {
          for (float one : read[r * shape.kvHeads() + h]) {
            scored += Float.isNaN(one) ? 0 : 1;
          }
        }
        assertThat(counted[r]).as("scored for row %d", r).isEqualTo(scored);
      }
      return read;
    }

    private Tensor blank(int rows, int columns) {
      float[][] nan = new float[rows][columns];
      for (float[] row : nan) {
        Arrays.fill(row, Float.NaN);
      }
      return TestDriver.upload(on, HalfFloats.host(nan, DType.F32), DType.F32);
    }

    RowRange all() {
      return new RowRange(0, LENGTHS.length);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "F32,F32,F32,2,1,16,16,4,0",
    "F32,F32,F32,1,3,40,12,6,45",
    "F32,BF16,BF16,2,2,64,32,8,0",
    "BF16,BF16,BF16,2,4,128,16,8,83",
    "BF16,BF16,I8,2,4,128,16,8,0",
    "BF16,F16,F16,1,9,96,32,4,50",
    "BF16,F16,I8,1,7,80,32,4,0",
    "F32,BF16,I8,2,2,64,48,24,101"
  })
  void blocksAreSmallPages(
      DType act,
      DType cache,
      DType digest,
      int kvHeads,
      int group,
      int headDim,
      int pageSize,
      int block,
      int window) {
    DigestCase shape =
        new DigestCase(act, cache, kvHeads, group, headDim, pageSize, window, block, LENGTHS);
    float[][] q = GuardedTensor.random(random, LENGTHS.length, kvHeads * group * headDim);
    try (CudaBackend on = TestDriver.open(new CudaOptions(0, act, cache, true, 512, 512))) {
      Cache blocks = Cache.of(on, shape, digest, false);
      Cache small = Cache.of(on, shape, digest, true);
      blocks.fill(3);
      small.fill(4); // the same bits, however the tokens came
      Tensor query = blocks.upload(q);
      for (PageScore score : PageScores.KNOWN) {
        float[][] expected = small.pairs(score);
        assertThat(blocks.pairs(score)).as(score + " pairs").isDeepEqualTo(expected);
        for (GroupReduction reduction : GroupReduction.values()) {
          assertClose(
              score + " scores, " + reduction,
              blocks.scores(query, score, reduction),
              small.scores(query, score, reduction),
              Tolerance.exact());
        }
      }
      checkSoftmax(blocks, q);
    }
  }

  /** The sum over a group's heads of each one's softmax, from scores of one head at a time. */
  private static void checkSoftmax(Cache cache, float[][] q) {
    DigestCase shape = cache.shape();
    float[][] actual = cache.scores(cache.upload(q), PageScores.MINMAX, GroupReduction.SOFTMAX);
    double[][] expected = new double[actual.length][actual[0].length];
    for (int g = 0; g < shape.group(); g++) {
      float[][] one = new float[q.length][q[0].length];
      for (int r = 0; r < q.length; r++) {
        for (int h = 0; h < shape.kvHeads(); h++) {
          int at = (h * shape.group() + g) * shape.headDim();
          System.arraycopy(q[r], at, one[r], at, shape.headDim());
        }
      }
      float[][] sums = cache.scores(cache.upload(one), PageScores.MINMAX, GroupReduction.SUM);
      for (int i = 0; i < sums.length; i++) {
        double whole = 0;
        for (float score : sums[i]) {
          whole += Float.isNaN(score) ? 0 : Math.exp(SCALE * score);
        }
        for (int b = 0; b < sums[i].length; b++) {
          expected[i][b] += Math.exp(SCALE * sums[i][b]) / whole; // NaN stays
        }
      }
    }
    for (int i = 0; i < actual.length; i++) {
      float[] rounded = new float[expected[i].length];
      for (int b = 0; b < rounded.length; b++) {
        rounded[b] = (float) expected[i][b];
      }
      assertClose("softmax of list " + i, actual[i], rounded, 2e-5 * shape.group());
    }
  }
}
