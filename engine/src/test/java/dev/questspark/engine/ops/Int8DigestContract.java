package dev.questspark.engine.ops;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What every backend must do with 8-bit digests. The expected bytes are worked out in double from
 * the keys that the backend stored; see {@link KvGeometry} for the layout and the rounding.
 */
abstract class Int8DigestContract {
  private static final int BLOCK = KvGeometry.SCALE_CHANNELS;

  private final ReferenceTensorOps reference = new ReferenceTensorOps();
  private Backend backend; // of the running test

  /** A fresh backend of the case's dtypes. */
  abstract Backend open(DigestCase c);

  /** A tensor of the backend's activations, from numbers that their dtype has. */
  Tensor activations(Backend on, float[][] rows) {
    return on.upload(GuardedTensor.host("activations", rows));
  }

  @AfterEach
  void closeBackend() {
    backend.close();
  }

  /** Every shape in some dtypes of activations and cache: what a subclass's {@code cases} holds. */
  static List<DigestCase> cases(DType activations, DType cache) {
    int[][] shapes = { // KV heads, group, head_dim, page size, window, digest block size
      {1, 1, 16, 16, 0, 16},
      {3, 2, 16, 4, 0, 4},
      {2, 1, 48, 1, 9, 1},
      {2, 4, 64, 16, 0, 16},
      {1, 7, 80, 32, 70, 32},
      {2, 8, 96, 16, 0, 16},
      {2, 1, 128, 16, 0, 16},
      {1, 3, 256, 16, 33, 16},
      {1, 12, 64, 4, 0, 4},
      {2, 5, 128, 4, 130, 4},
      {2, 7, 64, 16, 0, 8},
      {1, 3, 64, 16, 45, 4},
      {3, 2, 80, 32, 0, 8}
    };
    int[][] lengths = {
      {1},
      {37, 3, 64},
      {20, 1},
      {150, 5, 33},
      {200},
      {49},
      {130, 97},
      {81},
      {300, 70},
      {420},
      {210, 23, 8},
      {130, 61},
      {77, 160}
    };
    return IntStream.range(0, shapes.length)
        .mapToObj(i -> DigestCase.of(activations, cache, shapes[i], lengths[i]))
        .toList();
  }

  // ---- digests

  @ParameterizedTest
  @MethodSource("cases")
  void digestsAreTheirKeysRoundedOutwardHoweverTheTokensCome(DigestCase c) {
    backend = open(c);
    Cache whole = new Cache(c, 5);
    whole.append(c.lengths());
    Cache pieces = new Cache(c, 5);
    Random cuts = new Random(3);
    int[] filled = new int[c.lengths().length];
    while (!Arrays.equals(filled, c.lengths())) {
      for (int s = 0; s < filled.length; s++) {
        filled[s] = Math.min(c.lengths()[s], filled[s] + cuts.nextInt(2 * c.pageSize() + 2));
      }
      pieces.append(filled);
      checkDigests(pieces);
    }
    for (PageScore score : PageScores.KNOWN) {
      assertThat(pieces.pairs(score)).as(score + " pairs").isDeepEqualTo(whole.pairs(score));
    }
  }

  private static void checkDigests(Cache cache) {
    float[][] keys = cache.keys();
    float[][] minMax = cache.pairs(PageScores.MINMAX);
    float[][] meanStd = cache.pairs(PageScores.MEANSTD);
    for (DigestCase.Block block : cache.blocks()) {
      for (int h = 0; h < cache.shape.kvHeads(); h++) {
        int pair = block.id() * cache.shape.kvHeads() + h;
        float[][] own = cache.keysOf(block, h, keys);
        checkMinMax(own, minMax[pair]);
        checkMeanStd(own, meanStd[pair]);
      }
    }
  }

  private static void checkMinMax(float[][] keys, float[] pair) {
    int headDim = keys[0].length;
    float[] expected = new float[2 * headDim + 2 * headDim / BLOCK];
    for (int first = 0; first < 2 * headDim; first += BLOCK) {
      boolean low = first < headDim;
      double[] block = new double[BLOCK];
      for (int i = 0; i < BLOCK; i++) {
        DoubleStream ofChannel = channel(keys, (first + i) % headDim);
        block[i] = (low ? ofChannel.min() : ofChannel.max()).orElseThrow();
      }
      int exponent = smallestExponent(block);
      expected[2 * headDim + first / BLOCK] = (byte) exponent;
      for (int i = 0; i < BLOCK; i++) {
        double scaled = block[i] / Math.scalb(1.0, exponent - 127);
        expected[first + i] = (int) (low ? Math.floor(scaled) : Math.ceil(scaled));
      }
    }
    assertThat(Arrays.copyOf(pair, expected.length)).isEqualTo(expected);
  }

  /**
   * Within the float arithmetic of mean and 3/4 of the deviation: half a step, and one step upward.
   */
  private static void checkMeanStd(float[][] keys, float[] pair) {
    int headDim = keys[0].length;
    double[] stored = values(pair, headDim);
    for (int c = 0; c < headDim; c++) {
      double[] ofChannel = channel(keys, c).toArray();
      double mean = Arrays.stream(ofChannel).average().orElseThrow();
      double std =
          0.75
              * Math.sqrt(
                  Arrays.stream(ofChannel)
                      .map(x -> (x - mean) * (x - mean))
                      .average()
                      .orElseThrow());
      double slack = 1e-5 * Arrays.stream(ofChannel).map(Math::abs).max().orElseThrow();
      double half = Math.scalb(1.0, exponent(pair, headDim, c) - 128);
      double step = Math.scalb(1.0, exponent(pair, headDim, headDim + c) - 127);
      assertThat(stored[c]).isBetween(mean - half - slack, mean + half + slack);
      assertThat(stored[headDim + c]).isBetween(std - slack, std + step + slack);
    }
    for (int first = 0; first < 2 * headDim; first += BLOCK) {
      float largest = 0;
      for (int e = first; e < first + BLOCK; e++) {
        largest = Math.max(largest, Math.abs(pair[e]));
      }
      // A block of all 127 allows fills at least half of them, or its exponent is the smallest.
      assertThat(largest).isBetween(exponent(pair, headDim, first) == 1 ? 0f : 63f, 127f);
    }
  }

  private static DoubleStream channel(float[][] keys, int channel) {
    return Arrays.stream(keys).mapToDouble(key -> key[channel]);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void theMinMaxPairBoundsEveryKeyOfItsBlock(DigestCase c) {
    backend = open(c);
    Cache cache = new Cache(c, 6);
    cache.append(c.lengths());
    float[][] pairs = cache.pairs(PageScores.MINMAX);
    float[][] keys = cache.keys();
    Random random = new Random(8);
    for (DigestCase.Block block : cache.blocks()) {
      for (int h = 0; h < c.kvHeads(); h++) {
        float[][] own = cache.keysOf(block, h, keys);
        double[] pair = values(pairs[block.id() * c.kvHeads() + h], c.headDim());
        for (int trial = 0; trial < 20; trial++) {
          double[] q = random.doubles(c.headDim(), -1, 1).toArray();
          double bound = 0;
          for (int i = 0; i < q.length; i++) {
            bound += Math.max(q[i] * pair[i], q[i] * pair[q.length + i]);
          }
          for (int t = 0; t < block.tokens(); t++) {
            double logit = 0;
            for (int i = 0; i < q.length; i++) {
              logit += q[i] * own[t][i];
            }
            // Term by term the bound is at least the logit, and rounding keeps the order.
            assertThat(bound)
                .as("%s, head %d, token %d", block, h, t)
                .isGreaterThanOrEqualTo(logit);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void copyPagesCopiesScalesAsWell(DigestCase c) {
    backend = open(c);
    Cache cache = new Cache(c, 7);
    cache.append(c.lengths());
    int source = cache.blocks().get(0).id() / c.blocksPerPage();
    int target = c.unusedPage();
    Map<PageScore, float[][]> expected = PageScores.map();
    for (PageScore score : PageScores.KNOWN) {
      float[][] pairs = cache.pairs(score);
      int ofPage = c.blocksPerPage() * c.kvHeads();
      for (int i = 0; i < ofPage; i++) {
        pairs[target * ofPage + i] = pairs[source * ofPage + i];
      }
      expected.put(score, pairs);
    }
    backend.ops().copyPages(cache.layer, new int[] {source}, new int[] {target});
    for (PageScore score : PageScores.KNOWN) {
      assertThat(cache.pairs(score)).as(score + " pairs").isDeepEqualTo(expected.get(score));
    }
  }

  // ---- scores

  @ParameterizedTest
  @MethodSource("cases")
  void scoresAreThoseOfTheStoredDigestsAndTopPagesTheBestOfThem(DigestCase c) {
    backend = open(c);
    Cache cache = new Cache(c, 8);
    cache.append(c.lengths());
    RaggedBatch batch = c.lastRows();
    LoadedBatch loaded = backend.load(batch);
    RowRange rows = new RowRange(0, batch.rows());
    float[][] q = cache.queries(batch.rows());
    Tensor query = activations(backend, q);
    PageBudget one = new PageBudget(c.blockSize(), 1, 0, 0, 0);
    int scorings = 0;
    for (PageScore score : PageScores.KNOWN) {
      for (GroupReduction reduction : List.of(GroupReduction.MAX, GroupReduction.SUM)) {
        GuardedTensor scores =
            GuardedTensor.blank(backend, batch.rows() * c.kvHeads(), c.longestBlocks());
        Tensor view = scores.view();
        backend
            .ops()
            .scorePages(view, query, cache.layer, loaded, rows, Scoring.of(score, reduction), one);
        float[][] actual = scores.read();
        for (int r = 0; r < batch.rows(); r++) {
          checkScores(cache, batch, r, q[r], actual, score, reduction);
        }
        checkTopPages(cache, batch, loaded, view, actual);
        scorings++;
      }
    }
    for (int r = 0; r < batch.rows(); r++) {
      long pages = (long) (cache.current(batch, r) - cache.first(batch, r)) * c.kvHeads();
      assertThat(loaded.counters().pagesScored()[r]).isEqualTo(scorings * pages);
    }
  }

  private static void checkScores(
      Cache cache,
      RaggedBatch batch,
      int row,
      float[] q,
      float[][] actual,
      PageScore score,
      GroupReduction reduction) {
    DigestCase c = cache.shape;
    float[][] pairs = cache.pairs(score);
    boolean max = reduction == GroupReduction.MAX;
    for (int block = cache.first(batch, row); block < cache.current(batch, row); block++) {
      // row s is of span s
      int page = batch.pageTable()[batch.spanPages()[row] + block / c.blocksPerPage()];
      int id = page * c.blocksPerPage() + block % c.blocksPerPage();
      for (int h = 0; h < c.kvHeads(); h++) {
        double[] pair = values(pairs[id * c.kvHeads() + h], c.headDim());
        double reduced = max ? Double.NEGATIVE_INFINITY : 0;
        double magnitude = 0;
        for (int g = 0; g < c.group(); g++) {
          double sum = 0;
          for (int i = 0; i < c.headDim(); i++) {
            double x = q[(h * c.group() + g) * c.headDim() + i];
            double first = pair[i];
            double second = pair[c.headDim() + i];
            sum += ScoreOracle.of(score).term(x, first, second);
            magnitude += Math.abs(x) * (Math.abs(first) + Math.abs(second));
          }
          reduced = max ? Math.max(reduced, sum) : reduced + sum;
        }
        // At most one rounding per term, each of a partial sum that is at most the magnitude.
        double allowed = 0x1p-24 * (2 * c.headDim() + c.group()) * magnitude;
        assertThat((double) actual[row * c.kvHeads() + h][block])
            .as("%s %s score of block %d, head %d, row %d", score, reduction, block, h, row)
            .isBetween(reduced - allowed, reduced + allowed);
      }
    }
  }

  private void checkTopPages(
      Cache cache, RaggedBatch batch, LoadedBatch loaded, Tensor scores, float[][] read) {
    DigestCase c = cache.shape;
    RowRange rows = new RowRange(0, batch.rows());
    PageBudget budget = new PageBudget(c.blockSize(), 3, 0, 0, 0);
    HostKv window = HostKv.empty(cache.layer.geometry(), c.window(), 1);
    try (PageList list = backend.allocatePageList(batch.rows(), c.kvHeads(), c.longestBlocks())) {
      backend.ops().topPages(list, scores, c.blockSize(), cache.layer, loaded, rows, budget);
      for (int r = 0; r < batch.rows(); r++) {
        for (int h = 0; h < c.kvHeads(); h++) {
          float[] ofRow = read[r * c.kvHeads() + h];
          assertThat(list.read(r, h))
              .isEqualTo(reference.choosePages(window, batch.positions()[r], budget, ofRow));
        }
      }
    }
  }

  // ---- the specification, in double

  /** The 2 D numbers that a stored pair stands for. */
  private static double[] values(float[] pair, int headDim) {
    double[] values = new double[2 * headDim];
    for (int e = 0; e < values.length; e++) {
      values[e] = pair[e] * Math.scalb(1.0, exponent(pair, headDim, e) - 127);
    }
    return values;
  }

  private static int exponent(float[] pair, int headDim, int element) {
    return (int) pair[2 * headDim + element / BLOCK] & 0xff;
  }

  /** The smallest exponent with which a block's integers stay within 127, looked for one by one. */
  private static int smallestExponent(double[] block) {
    double largest = Arrays.stream(block).map(Math::abs).max().orElseThrow();
    int exponent = 1;
    while (Math.ceil(largest / Math.scalb(1.0, exponent - 127)) > 127) {
      exponent++;
    }
    return exponent;
  }

  /** One layer of the backend that holds the sequences of a case. */
  private final class Cache {
    final DigestCase shape;
    final KvLayer layer;
    private final Random random;
    private int[] filled;

    Cache(DigestCase shape, long seed) {
      this.shape = shape;
      this.random = new Random(seed);
      this.filled = new int[shape.lengths().length];
      DType dtype = backend.cacheDType();
      KvGeometry geometry =
          new KvGeometry(
              1,
              shape.kvHeads(),
              shape.headDim(),
              shape.pageSize(),
              dtype,
              DType.I8,
              shape.blockSize());
      int shares = shape.poolPages() * shape.kvHeads();
      int rows = shares * shape.pageSize();
      int pairs = shares * shape.blocksPerPage();
      Map<PageScore, Tensor> digests = PageScores.map();
      for (PageScore score : PageScores.KNOWN) {
        digests.put(score, backend.allocate(DType.I8, pairs, geometry.digestColumns()));
      }
      this.layer =
          new KvLayer(
              geometry,
              backend.allocate(dtype, rows, shape.headDim()),
              backend.allocate(dtype, rows, shape.headDim()),
              digests,
              shape.window());
    }

    List<DigestCase.Block> blocks() {
      return shape.blocks(filled);
    }

    /** The keys of a block, from those of {@link #keys}. */
    float[][] keysOf(DigestCase.Block block, int head, float[][] keys) {
      int page = block.id() / shape.blocksPerPage();
      int slot = block.id() % shape.blocksPerPage() * shape.blockSize();
      int from = (page * shape.kvHeads() + head) * shape.pageSize() + slot;
      return Arrays.copyOfRange(keys, from, from + block.tokens());
    }

    int current(RaggedBatch batch, int row) {
      return batch.positions()[row] / shape.blockSize();
    }

    int first(RaggedBatch batch, int row) {
      return layer.firstVisible(batch.positions()[row]) / shape.blockSize();
    }

    /**
     * Fills the sequences up to {@code lengths}; a token's key follows from its sequence and its
     * position, and the rotary table turns nothing.
     */
    void append(int[] lengths) {
      RaggedBatch batch = shape.rows(filled, lengths);
      filled = lengths.clone();
      if (batch.rows() == 0) {
        return;
      }
      int columns = shape.kvHeads() * shape.headDim();
      float[][] keys = new float[batch.rows()][];
      for (int s = 0; s < batch.spans(); s++) {
        for (int r = batch.spanRows()[s]; r < batch.spanRows()[s + 1]; r++) {
          keys[r] = key(new Random(1000L * s + batch.positions()[r]), columns);
        }
      }
      float[][] rope = new float[IntStream.of(lengths).max().orElseThrow()][shape.headDim()];
      for (float[] angle : rope) {
        Arrays.fill(angle, 0, shape.headDim() / 2, 1f);
      }
      Tensor q = activations(backend, random(batch.rows(), columns * shape.group()));
      Tensor k = activations(backend, keys);
      Tensor v = activations(backend, keys);
      Tensor table = backend.upload(GuardedTensor.host("rope", rope));
      backend.ops().appendKv(layer, q, k, v, table, backend.load(batch));
    }

    /** Ordinary blocks, outlier channels, the edges of the scales, and zeros among the small. */
    private float[] key(Random random, int columns) {
      float[] key = new float[columns];
      for (int i = 0; i < columns; i++) {
        double gaussian = random.nextGaussian();
        double edge = Math.scalb(125.5 + random.nextInt(6) / 2.0, random.nextInt(3));
        key[i] =
            (float)
                switch (i / BLOCK % 4) {
                  case 0 -> gaussian;
                  case 1 -> i % 5 == 0 ? 300 + 20 * gaussian : gaussian / 50;
                  case 2 -> Math.copySign(edge, gaussian);
                  default -> i % 2 == 0 ? 0 : gaussian * 1e-5;
                };
      }
      float[][] given = HalfFloats.round(new float[][] {key}, backend.activationDType());
      return HalfFloats.round(given, backend.cacheDType())[0];
    }

    float[][] random(int rows, int columns) {
      return HalfFloats.round(
          GuardedTensor.random(random, rows, columns), backend.activationDType());
    }

    /** Queries of ordinary heads, of heads far larger and far smaller, and of zeros. */
    float[][] queries(int rows) {
      float[][] q = random(rows, shape.kvHeads() * shape.group() * shape.headDim());
      for (int r = 0; r < rows; r++) {
        for (int i = 0; i < q[r].length; i++) {
          int kind = (r + i / shape.headDim()) % 5;
          q[r][i] *= kind == 1 ? 0x1p70f : kind == 2 ? 0x1p-70f : kind == 3 ? 0 : 1;
        }
      }
      return q;
    }

    /** All stored pairs, a row per (block, KV head). */
    float[][] pairs(PageScore score) {
      return GuardedTensor.matrix(backend, layer.digests().get(score));
    }

    /** All stored keys, a row per (page, KV head, slot). */
    float[][] keys() {
      return HostKv.keys(backend, layer);
    }
  }
}
