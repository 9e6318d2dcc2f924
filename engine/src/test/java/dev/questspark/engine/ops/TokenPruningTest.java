package dev.questspark.engine.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.CpuBackend;
import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.ops.prune.Int4Keys;
import dev.questspark.engine.ops.prune.TokenPruning;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Keys in 4 bits and {@code pruneTokens}, against brute force in double precision. */
class TokenPruningTest {
  private static final int KV_HEADS = 2;
  private static final int GROUP = 3;
  private static final int PAGE_SIZE = 16;
  private static final int TOKENS = 203;
  private static final int PAGES = TOKENS / PAGE_SIZE + 1;
  private static final float SCALE = 2f;

  private static Backend backend;
  private final Random random = new Random(5);

  @BeforeAll
  static void open() {
    backend = CpuBackend.open(new BackendOptions(2, DType.F32, true));
  }

  @AfterAll
  static void close() {
    backend.close();
  }

  /** A layer filled by appendKv, and what its rows ask. */
  private record Filled(KvLayer kv, LoadedBatch batch, float[][] q, Tensor query) {}

  private static KvLayer layer(int headDim, int window) {
    KvGeometry geometry = new KvGeometry(1, KV_HEADS, headDim, PAGE_SIZE, DType.F32);
    int shares = (PAGES + 1) * KV_HEADS;
    return new KvLayer(
        geometry,
        backend.allocate(shares * PAGE_SIZE, headDim),
        backend.allocate(shares * PAGE_SIZE, headDim),
        Map.of(PageScores.MEANSTD, backend.allocate(shares, geometry.digestColumns())),
        window,
        Optional.of(backend.allocate(DType.I8, shares, geometry.int4Keys().columns())));
  }

  private static RaggedBatch batch(int from, int to) {
    int[] pages = IntStream.range(0, PAGES).map(i -> PAGES - 1 - i).toArray();
    return new RaggedBatch(
        new int[to - from],
        IntStream.range(from, to).toArray(),
        new int[] {0, to - from},
        new int[] {0, PAGES},
        pages,
        new int[0]);
  }

  /** Appends all tokens in chunks that end at the given positions; the last is the step. */
  private Filled fill(int headDim, int window, int... ends) {
    KvLayer kv = layer(headDim, window);
    float[][] q = GuardedTensor.random(random, TOKENS, KV_HEADS * GROUP * headDim);
    float[][] k = GuardedTensor.random(random, TOKENS, KV_HEADS * headDim);
    float[][] rope = new float[TOKENS][headDim]; // angle 0
    for (float[] row : rope) {
      Arrays.fill(row, 0, headDim / 2, 1f);
    }
    int from = 0;
    LoadedBatch batch = null;
    Tensor query = null;
    for (int to : ends) {
      batch = backend.load(batch(from, to));
      query = GuardedTensor.of(backend, Arrays.copyOfRange(q, from, to)).view();
      Tensor keys = GuardedTensor.of(backend, Arrays.copyOfRange(k, from, to)).view();
      Tensor values = GuardedTensor.of(backend, Arrays.copyOfRange(k, from, to)).view();
      backend
          .ops()
          .appendKv(kv, query, keys, values, GuardedTensor.of(backend, rope).view(), batch);
      from = to;
    }
    return new Filled(kv, batch, Arrays.copyOfRange(q, ends[ends.length - 2], TOKENS), query);
  }

  private static byte[] stored(KvLayer kv, int page, int kvHead) {
    float[] row = new float[kv.geometry().int4Keys().columns()];
    backend.read(kv.int4Keys().orElseThrow(), page * KV_HEADS + kvHead, row);
    byte[] bytes = new byte[row.length];
    IntStream.range(0, row.length).forEach(i -> bytes[i] = (byte) row[i]);
    return bytes;
  }

  /** (position, D): what the 4-bit keys of a KV head stand for. */
  private static double[][] widened(KvLayer kv, int kvHead) {
    int headDim = kv.geometry().headDim();
    double[][] keys = new double[TOKENS][headDim];
    float[] page = new float[headDim * PAGE_SIZE];
    for (int t = 0; t < TOKENS; t++) {
      kv.geometry().int4Keys().widen(stored(kv, PAGES - 1 - t / PAGE_SIZE, kvHead), 0, page);
      for (int c = 0; c < headDim; c++) {
        keys[t][c] = page[c * PAGE_SIZE + t % PAGE_SIZE];
      }
    }
    return keys;
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 16, 64, 96, 128})
  void aKeyIsOffByHalfAStepAndTheRoundingOfItsBounds(int headDim) {
    Int4Keys format = new Int4Keys(headDim, 5);
    byte[] bytes = new byte[7 + format.columns()];
    float[] widened = new float[headDim * 5];
    for (int slot = 4; slot >= 0; slot--) {
      float[] key = new float[3 + headDim];
      IntStream.range(0, key.length).forEach(c -> key[c] = (float) random.nextGaussian());
      format.write(bytes, 7, slot, key, 3);
      format.widen(bytes, 7, widened);
      for (int first = 0; first < headDim; first += Int4Keys.GROUP_CHANNELS) {
        int end = Math.min(headDim, first + Int4Keys.GROUP_CHANNELS);
        double low = IntStream.range(first, end).mapToDouble(c -> key[3 + c]).min().orElseThrow();
        double high = IntStream.range(first, end).mapToDouble(c -> key[3 + c]).max().orElseThrow();
        // bf16 rounds the lowest value and the step by 2^-9 of themselves, and there are 15 steps
        double bound = (high - low) / 30 + (Math.abs(low) + high - low) / 256;
        for (int c = first; c < end; c++) {
          assertThat(Math.abs(widened[c * 5 + slot] - key[3 + c]))
              .isLessThanOrEqualTo((float) bound);
        }
      }
    }
    assertThat(Arrays.copyOf(bytes, 7)).containsOnly(0);
    assertThat(format.columns()).isEqualTo(5 * format.tokenBytes());
  }

  @Test
  void equalChannelsAreKeptAsTheirBound() {
    Int4Keys format = new Int4Keys(4, 1);
    byte[] bytes = new byte[format.columns()];
    float[] widened = new float[4];
    format.write(bytes, 0, 0, new float[] {1.5f, 1.5f, 1.5f, 1.5f}, 0);
    format.widen(bytes, 0, widened);
    assertThat(widened).containsOnly(1.5f);
    assertThatThrownBy(() -> new Int4Keys(3, 1)).hasMessageContaining("3 channels");
  }

  /** Whatever the chunks, and copied with its page. */
  @Test
  void theBytesDependOnTheKeysAlone() {
    KvLayer whole = fill(64, 0, 1, TOKENS).kv();
    random.setSeed(5);
    KvLayer chunked = fill(64, 0, 7, 16, 17, 90, TOKENS).kv();
    for (int page = 0; page < PAGES; page++) {
      assertThat(stored(chunked, page, 1)).isEqualTo(stored(whole, page, 1));
    }
    backend.ops().copyPages(whole, new int[] {3}, new int[] {PAGES});
    assertThat(stored(whole, PAGES, 0)).isEqualTo(stored(whole, 3, 0));
    assertThat(stored(whole, PAGES, 1))
        .isEqualTo(stored(whole, 3, 1))
        .isNotEqualTo(stored(whole, 3, 0));
  }

  /** Lists of a budget's pages, then pruned: [row][KV head]. */
  private static int[][][] pruned(Filled filled, PageBudget budget, TokenPruning pruning) {
    int rows = filled.batch().host().rows();
    RowRange range = new RowRange(0, rows);
    Tensor scores = backend.allocate(rows * KV_HEADS, PAGES);
    KvLayer kv = filled.kv();
    int[][][] lists = new int[rows][KV_HEADS][];
    try (PageList list = backend.allocatePageList(rows, KV_HEADS, TOKENS)) {
      Scoring scoring = Scoring.of(PageScores.MEANSTD, GroupReduction.MAX);
      backend.ops().scorePages(scores, filled.query(), kv, filled.batch(), range, scoring, budget);
      backend.ops().topPages(list, scores, PAGE_SIZE, kv, filled.batch(), range, budget);
      if (pruning != null) {
        backend.ops().pruneTokens(list, filled.query(), kv, filled.batch(), range, pruning, SCALE);
      }
      assertThat(list.unit()).isEqualTo(pruning == null ? PAGE_SIZE : 1);
      for (int row = 0; row < rows; row++) {
        for (int kvHead = 0; kvHead < KV_HEADS; kvHead++) {
          lists[row][kvHead] = list.read(row, kvHead);
        }
      }
    }
    return lists;
  }

  /** The tokens of pages that a row sees. */
  private static int[] tokens(int[] pages, int first, int position) {
    return Arrays.stream(pages)
        .flatMap(page -> IntStream.range(page * PAGE_SIZE, (page + 1) * PAGE_SIZE))
        .filter(token -> token >= first && token <= position)
        .toArray();
  }

  /** (G, tokens): each head's estimated weights, of sum 1. */
  private static double[][] shares(Filled filled, int row, int kvHead, int[] tokens) {
    int headDim = filled.kv().geometry().headDim();
    double[][] keys = widened(filled.kv(), kvHead);
    double[][] shares = new double[GROUP][tokens.length];
    for (int g = 0; g < GROUP; g++) {
      int head = kvHead * GROUP + g;
      for (int i = 0; i < tokens.length; i++) {
        double dot = 0;
        for (int c = 0; c < headDim; c++) {
          dot += (double) filled.q()[row][head * headDim + c] * keys[tokens[i]][c];
        }
        shares[g][i] = Math.exp(SCALE * dot);
      }
      double sum = Arrays.stream(shares[g]).sum();
      for (int i = 0; i < tokens.length; i++) {
        shares[g][i] /= sum;
      }
    }
    return shares;
  }

  /** The union over the heads of the fewest tokens that reach a share. */
  private static Set<Integer> reaching(double[][] shares, int[] tokens, double share) {
    Set<Integer> union = new TreeSet<>();
    for (double[] ofHead : shares) {
      List<Integer> order = new ArrayList<>(IntStream.range(0, tokens.length).boxed().toList());
      order.sort(Comparator.comparingDouble(i -> -ofHead[i]));
      double sum = 0;
      for (int i = 0; i < order.size() && sum < share; i++) {
        sum += ofHead[order.get(i)];
        union.add(tokens[order.get(i)]);
      }
    }
    return union;
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.05, 0.5, 0.9, 0.99})
  void theFewestTokensThatReachTheShareAreKept(double share) {
    for (int window : new int[] {0, 70}) {
      Filled filled = fill(32, window, TOKENS - 4, TOKENS);
      PageBudget budget = new PageBudget(PAGE_SIZE, 6, 0, 0, 0);
      int[][][] pages = pruned(filled, budget, null);
      int[][][] kept = pruned(filled, budget, new TokenPruning(share, 0, 0, 3, 2, 0));
      long estimated = 0;
      for (int row = 0; row < 4; row++) {
        int position = TOKENS - 4 + row;
        int first = window == 0 ? 0 : position - window + 1;
        for (int kvHead = 0; kvHead < KV_HEADS; kvHead++) {
          int[] candidates = tokens(pages[row][kvHead], first, position);
          estimated += candidates.length;
          double[][] shares = shares(filled, row, kvHead, candidates);
          Set<Integer> list = new TreeSet<>(Arrays.stream(kept[row][kvHead]).boxed().toList());
          assertThat(list).as("ascending, distinct").containsExactly(boxed(kept[row][kvHead]));
          // Float arithmetic may end a hair before or behind the share.
          Set<Integer> least = reaching(shares, candidates, share - 1e-5);
          Set<Integer> most = reaching(shares, candidates, share + 1e-5);
          for (int token : candidates) {
            if (token < 3 || token > position - 2) {
              least.add(token);
              most.add(token);
            }
          }
          assertThat(list).containsAll(least);
          assertThat(most).containsAll(list);
          assertThat(list).contains(position);
          assertThat(list.size()).isLessThan(candidates.length);
        }
      }
      assertThat(Arrays.stream(filled.batch().counters().tokensEstimated()).sum())
          .isEqualTo(estimated);
    }
  }

  private static Integer[] boxed(int[] values) {
    return Arrays.stream(values).boxed().toArray(Integer[]::new);
  }

  @Test
  void floorAndCeilingBoundTheListByTheBestShares() {
    Filled filled = fill(64, 0, TOKENS - 1, TOKENS);
    PageBudget budget = new PageBudget(PAGE_SIZE, 8, 0, 0, 0);
    int position = TOKENS - 1;
    int[] candidates = tokens(pruned(filled, budget, null)[0][1], 0, position);
    double[][] shares = shares(filled, 0, 1, candidates);
    List<Integer> order = new ArrayList<>(IntStream.range(0, candidates.length).boxed().toList());
    order.sort(
        Comparator.comparingDouble(
            i -> -Arrays.stream(shares).mapToDouble(ofHead -> ofHead[i]).max().orElseThrow()));
    order.removeIf(i -> candidates[i] == position);
    for (int[] bounds : new int[][] {{50, 0}, {0, 7}, {0, 1}}) {
      double share = bounds[1] == 0 ? 0.01 : 0.9;
      int[] list =
          pruned(filled, budget, new TokenPruning(share, bounds[0], bounds[1], 0, 1, 0))[0][1];
      int[] free = pruned(filled, budget, new TokenPruning(share, 0, 0, 0, 1, 0))[0][1];
      int count = Math.max(bounds[0], bounds[1]);
      Set<Integer> expected = new TreeSet<>(Set.of(position));
      order.stream()
          .filter(i -> bounds[1] == 0 || Arrays.binarySearch(free, candidates[i]) >= 0)
          .limit(count - 1)
          .forEach(i -> expected.add(candidates[i]));
      assertThat(list).containsExactly(expected.stream().mapToInt(i -> i).toArray());
    }
    assertThat(pruned(filled, budget, new TokenPruning(0.1, 4 * TOKENS, 0, 0, 0, 0))[0][1])
        .as("no more than there are")
        .containsExactly(candidates);
  }

  /** A head whose attention is flat keeps its tokens where another head's are larger. */
  @Test
  void aFloorAddsAndACeilingRemoves() {
    Filled filled = fill(64, 0, TOKENS - 6, TOKENS);
    PageBudget budget = new PageBudget(PAGE_SIZE, 9, 0, 0, 0);
    for (double share : new double[] {0.2, 0.6, 0.8}) {
      int[][][] kept = pruned(filled, budget, new TokenPruning(share, 0, 0, 0, 0, 0));
      for (int row = 0; row < 6; row++) {
        int count = kept[row][0].length;
        int[] more = pruned(filled, budget, new TokenPruning(share, count + 2, 0, 0, 0, 0))[row][0];
        int[] fewer =
            pruned(filled, budget, new TokenPruning(share, 0, count - 2, 0, 0, 0))[row][0];
        assertThat(more).hasSize(count + 2).contains(kept[row][0]);
        assertThat(kept[row][0]).contains(fewer).hasSizeGreaterThan(fewer.length);
        assertThat(fewer).hasSize(count - 2).contains(TOKENS - 6 + row);
      }
    }
  }

  /** A share of 1, and a context below the least, read no 4-bit key. */
  @Test
  void everythingIsKeptWithoutLooking() {
    Filled filled = fill(16, 0, TOKENS - 3, TOKENS);
    PageBudget budget = new PageBudget(PAGE_SIZE, 5, 0, 0, 0);
    int[][][] pages = pruned(filled, budget, null);
    for (TokenPruning all :
        List.of(
            new TokenPruning(1, 0, 0, 0, 0, 0),
            new TokenPruning(0.1, 0, 0, 0, 0, 0).wholeBelow(TOKENS + 1))) {
      int[][][] kept = pruned(filled, budget, all);
      for (int row = 0; row < 3; row++) {
        assertThat(kept[row][0]).containsExactly(tokens(pages[row][0], 0, TOKENS - 3 + row));
      }
    }
    assertThat(filled.batch().counters().tokensEstimated()).containsOnly(0);
  }
}
