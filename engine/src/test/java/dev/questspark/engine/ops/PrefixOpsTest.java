package dev.questspark.engine.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.questspark.engine.cache.PrefixStore;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.CpuBackend;
import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.ops.prefix.KeptSlots;
import dev.questspark.engine.ops.prefix.PageFormat;
import dev.questspark.engine.ops.prefix.PrefixBudget;
import dev.questspark.engine.ops.prefix.PrefixGeometry;
import dev.questspark.engine.ops.prefix.PrefixRows;
import dev.questspark.engine.ops.prefix.PrefixTable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The ops on prefixes against loops in double precision over the tokens that were kept. */
class PrefixOpsTest {
  private static final int DIM = 64;
  private static final int HEADS = 2;
  private static final int GROUP = 3;
  private static final int TOKENS = 2700;
  private static final int LAYER = 1;
  private static final int PAGE = 16;
  private static final float SCALE = 0.125f;

  private static Backend backend;

  @BeforeAll
  static void open() {
    backend = CpuBackend.open(new BackendOptions(2, DType.F32, true));
  }

  @AfterAll
  static void close() {
    backend.close();
  }

  /** A document in live pages, and what two layers of two heads keep of it. */
  private record Document(HostKv kv, int[] pages, KeptSlots kept) {

    static Document of(long seed, float offset) {
      Random random = new Random(seed);
      KvGeometry geometry = new KvGeometry(2, HEADS, DIM, PAGE, DType.F32, DType.F32, 8);
      int count = (TOKENS + PAGE - 1) / PAGE;
      HostKv kv = HostKv.empty(geometry, 0, count + 1);
      int[] pages = IntStream.rangeClosed(1, count).toArray();
      float[] channel = new float[DIM];
      for (int c = 0; c < DIM; c += 5) {
        channel[c] = offset * (float) random.nextGaussian();
      }
      for (int p = 0; p < TOKENS; p++) {
        for (int h = 0; h < HEADS; h++) {
          for (int c = 0; c < DIM; c++) {
            kv.key(pages[p / PAGE], h, p % PAGE)[c] = channel[c] + (float) random.nextGaussian();
            kv.value(pages[p / PAGE], h, p % PAGE)[c] = (float) random.nextGaussian();
          }
        }
      }
      int[] scattered = IntStream.range(0, TOKENS).filter(p -> random.nextInt(3) > 0).toArray();
      int[] all = IntStream.range(0, TOKENS).toArray();
      KeptSlots kept =
          new KeptSlots(List.of(all, scattered, new int[] {7, 3, 2000}), new int[] {0, 2, 1, 2});
      return new Document(kv, pages, kept);
    }

    int[] list(int head) {
      return kept.list(LAYER * HEADS + head);
    }
  }

  /** A document in a store. */
  private record Stored(Document document, PrefixStore store, PrefixTable table)
      implements AutoCloseable {

    static Stored of(Document document, PageFormat format, long mostElements, long seed) {
      PrefixGeometry geometry = new PrefixGeometry(DIM, 8, DType.F32, DType.F32, format);
      int pages = document.kept.pages();
      PrefixStore store =
          new PrefixStore(
              backend, geometry, pages + 40, Set.copyOf(PageScores.KNOWN), mostElements);
      List<Integer> ids = new ArrayList<>(IntStream.rangeClosed(1, pages + 40).boxed().toList());
      Collections.shuffle(ids, new Random(seed));
      PrefixTable table =
          PrefixTable.of(
              TOKENS,
              HEADS,
              document.kept.slots(),
              ids.stream().mapToInt(Integer::intValue).toArray());
      KvLayer kv = document.kv.upload(backend);
      for (int layer = 0; layer < 2; layer++) {
        backend
            .prefixOps()
            .compressPages(store.memory(), table, kv, layer, document.pages, document.kept);
      }
      return new Stored(document, store, table);
    }

    static Stored of(Document document, PageFormat format) {
      return of(document, format, Integer.MAX_VALUE, 3);
    }

    @Override
    public void close() {
      store.close();
    }
  }

  /** Decode rows behind a prefix, at these positions after it. */
  private static LoadedBatch batch(int... positions) {
    int rows = positions.length;
    int[] ends = IntStream.rangeClosed(0, rows).toArray();
    int pages = Arrays.stream(positions).max().orElse(0) / PAGE + 1;
    return backend.load(
        new RaggedBatch(
            new int[rows],
            positions,
            ends,
            Arrays.stream(ends).map(end -> end * pages).toArray(),
            new int[rows * pages],
            new int[0]));
  }

  private record Attended(float[][] out, float[][] logSumExp, ReadCounters counters) {}

  /**
   * Attention of rows over their prefixes, merged into a state that is the same for all.
   *
   * @param list null for all
   */
  private static Attended attend(
      float[][] queries, List<PrefixTable> tables, Stored stored, PageList list, float cap) {
    int rows = queries.length;
    Tensor q = backend.upload(GuardedTensor.host("q", queries));
    float[][] before = new float[rows][HEADS * GROUP * DIM];
    float[][] sums = new float[rows][HEADS * GROUP];
    for (int r = 0; r < rows; r++) {
      Arrays.fill(before[r], 0.5f);
      Arrays.fill(sums[r], 2f);
    }
    Tensor out = backend.upload(GuardedTensor.host("out", before));
    Tensor logSumExp = backend.upload(GuardedTensor.host("lse", sums));
    LoadedBatch batch = batch(new int[rows]);
    RowRange range = new RowRange(0, rows);
    PrefixRows prefixes = new PrefixRows(stored.store.memory(), range, tables);
    if (list == null) {
      backend
          .prefixOps()
          .attendPrefix(out, logSumExp, q, prefixes, LAYER, batch, range, SCALE, cap);
    } else {
      backend
          .prefixOps()
          .attendPrefix(out, logSumExp, q, prefixes, LAYER, batch, range, list, SCALE, cap);
    }
    return new Attended(
        GuardedTensor.matrix(backend, out),
        GuardedTensor.matrix(backend, logSumExp),
        batch.counters());
  }

  private static float[][] queries(long seed, int rows) {
    Random random = new Random(seed);
    float[][] queries = new float[rows][HEADS * GROUP * DIM];
    for (float[] query : queries) {
      for (int i = 0; i < query.length; i++) {
        query[i] = (float) random.nextGaussian();
      }
    }
    return queries;
  }

  private static double dot(float[] query, int head, float[] key) {
    double sum = 0;
    for (int c = 0; c < DIM; c++) {
      sum += (double) query[head * DIM + c] * key[c];
    }
    return sum;
  }

  /** Attention of one query head over slots of its prefix beside a state of (0.5, lse 2). */
  private static double[] expected(
      float[] query, int head, Document document, List<Integer> slots, float cap) {
    double[] out = new double[DIM];
    double total = Math.exp(2);
    Arrays.fill(out, 0.5 * total);
    for (int slot : slots) {
      int p = document.list(head / GROUP)[slot];
      int page = document.pages[p / PAGE];
      double logit = SCALE * dot(query, head, document.kv.key(page, head / GROUP, p % PAGE));
      double weight = Math.exp(cap == 0 ? logit : cap * Math.tanh(logit / cap));
      total += weight;
      for (int c = 0; c < DIM; c++) {
        out[c] += weight * document.kv.value(page, head / GROUP, p % PAGE)[c];
      }
    }
    for (int c = 0; c < DIM; c++) {
      out[c] /= total;
    }
    return out;
  }

  private static List<Integer> all(Document document, int head) {
    return IntStream.range(0, document.list(head / GROUP).length).boxed().toList();
  }

  @ParameterizedTest
  @CsvSource({"0", "3"})
  void attentionIsThatOverWhatEachHeadKept(float cap) {
    Document document = Document.of(1, 0);
    float[][] queries = queries(2, 3);
    try (Stored stored = Stored.of(document, PageFormat.WHOLE)) {
      List<PrefixTable> tables = List.of(stored.table, stored.table, stored.table);
      Attended attended = attend(queries, tables, stored, null, cap);
      for (int r = 0; r < 3; r++) {
        for (int head = 0; head < HEADS * GROUP; head++) {
          double[] expected = expected(queries[r], head, document, all(document, head), cap);
          for (int c = 0; c < DIM; c++) {
            assertThat((double) attended.out[r][head * DIM + c])
                .isCloseTo(expected[c], within(2e-5));
          }
        }
        int kept = document.list(0).length + document.list(1).length;
        assertThat(attended.counters.tokensAttended()[r]).isEqualTo(kept);
        assertThat(attended.counters.prefixTokens()[r]).isEqualTo(kept);
      }
    }
  }

  /** What questions share, where pages lie, and in how many tensors, changes no bit. */
  @ParameterizedTest
  @EnumSource(PageFormat.class)
  void aRowsBitsAreItsOwn(PageFormat format) {
    Document document = Document.of(1, 0);
    Document other = Document.of(5, 0);
    float[][] queries = queries(2, 7);
    try (Stored stored = Stored.of(document, format);
        Stored elsewhere = Stored.of(document, format, 40_000, 9);
        Stored others = Stored.of(other, format)) {
      assertThat(elsewhere.store.memory().slabs()).hasSizeGreaterThan(5);
      Attended together = attend(queries, Collections.nCopies(7, stored.table), stored, null, 0);
      Attended apart = attend(queries, Collections.nCopies(7, elsewhere.table), elsewhere, null, 0);
      assertThat(apart.out).isDeepEqualTo(together.out);
      assertThat(apart.logSumExp).isDeepEqualTo(together.logSumExp);
      for (int r = 0; r < 7; r++) {
        Attended alone = attend(new float[][] {queries[r]}, List.of(stored.table), stored, null, 0);
        assertThat(alone.out[0]).isEqualTo(together.out[r]);
        assertThat(alone.logSumExp[0]).isEqualTo(together.logSumExp[r]);
      }
      assertThat(attend(queries, Collections.nCopies(7, others.table), others, null, 0).out)
          .isNotEqualTo(together.out);
    }
  }

  private static final PageBudget BUDGET = new PageBudget(8, 40, 20, 30, 0);

  private static PageList choose(
      float[][] queries, Stored stored, PageBudget budget, GroupReduction reduction, int position) {
    int rows = queries.length;
    PageList list = backend.allocatePageList(rows, HEADS, TOKENS / 8 + 1);
    Tensor scores = backend.allocate(rows * HEADS, TOKENS / 8 + 1);
    int[] positions = new int[rows];
    Arrays.fill(positions, position);
    LoadedBatch batch = batch(positions);
    RowRange range = new RowRange(0, rows);
    PrefixRows prefixes =
        new PrefixRows(stored.store.memory(), range, Collections.nCopies(rows, stored.table));
    Scoring scoring = Scoring.of(PageScores.MEANSTD, reduction);
    Tensor q = backend.upload(GuardedTensor.host("q", queries));
    backend.prefixOps().scorePrefix(scores, q, prefixes, LAYER, batch, range, scoring, budget);
    backend.prefixOps().topPrefix(list, scores, prefixes, LAYER, batch, range, budget);
    return list;
  }

  @ParameterizedTest
  @CsvSource({"8, 20, 30, 12", "16, 20, 30, 12", "8, 0, 0, 500", "32, 40, 100, 60", "8, 8, 8, 0"})
  void theBestUnitsAreRead(int unit, int sink, int recent, int position) {
    Document document = Document.of(1, 0);
    PageBudget budget = new PageBudget(unit, 40 * 8 / unit, sink, recent, 0);
    float[][] queries = queries(4, 2);
    try (Stored stored = Stored.of(document, PageFormat.WHOLE)) {
      PageList list = choose(queries, stored, budget, GroupReduction.MAX, position);
      for (int r = 0; r < 2; r++) {
        for (int h = 0; h < HEADS; h++) {
          int slots = document.list(h).length;
          assertThat(list.read(r, h))
              .as("row %s, head %s", r, h)
              .isEqualTo(best(document, queries[r], h, slots, budget, position));
        }
      }
      Attended attended = attend(queries, List.of(stored.table, stored.table), stored, list, 0);
      for (int head = 0; head < HEADS * GROUP; head++) {
        List<Integer> slots = new ArrayList<>();
        int kept = document.list(head / GROUP).length;
        for (int entry : list.read(1, head / GROUP)) {
          IntStream.range(entry * unit, Math.min(kept, (entry + 1) * unit)).forEach(slots::add);
        }
        double[] expected = expected(queries[1], head, document, slots, 0);
        for (int c = 0; c < DIM; c++) {
          assertThat((double) attended.out[1][head * DIM + c]).isCloseTo(expected[c], within(2e-5));
        }
      }
    }
  }

  /** By scores computed here, units sorted whole. */
  private static int[] best(
      Document document, float[] query, int h, int slots, PageBudget budget, int position) {
    int unit = budget.unit();
    PrefixBudget read = PrefixBudget.of(budget, slots, position + 1, TOKENS + position + 1);
    if (read.readsAll()) {
      return IntStream.range(0, read.units()).toArray();
    }
    int after = (position + unit) / unit;
    assertThat(read.read()).isEqualTo(Math.max(1, budget.units() - after));
    double[] scores = new double[read.units()];
    Arrays.fill(scores, Double.NEGATIVE_INFINITY);
    float[] pair = new float[2 * DIM];
    float[] probe = new float[2 * DIM];
    float[] keys = new float[DIM * 8];
    for (int tile = 0; tile * 8 < slots; tile++) {
      int count = Math.min(8, slots - tile * 8);
      for (int s = 0; s < count; s++) {
        int p = document.list(h)[tile * 8 + s];
        for (int c = 0; c < DIM; c++) {
          keys[c * 8 + s] = document.kv.key(document.pages[p / PAGE], h, p % PAGE)[c];
        }
      }
      PageScores.MEANSTD.digest(pair, keys, DIM, 8, count);
      for (int g = 0; g < GROUP; g++) {
        PageScores.MEANSTD.fold(probe, 0, query, (h * GROUP + g) * DIM, DIM);
        double score = 0;
        for (int i = 0; i < 2 * DIM; i++) {
          score += (double) probe[i] * pair[i];
        }
        int u = tile * 8 / unit;
        scores[u] = Math.max(scores[u], score);
      }
    }
    return IntStream.concat(
            IntStream.concat(
                IntStream.range(0, read.sink()),
                IntStream.range(read.units() - read.recent(), read.units())),
            IntStream.range(read.sink(), read.units() - read.recent())
                .boxed()
                .sorted((a, b) -> Double.compare(scores[b], scores[a]))
                .limit(read.best())
                .mapToInt(Integer::intValue))
        .sorted()
        .toArray();
  }

  @Test
  void unitsOfAnySizeAndAllOfThemGiveTheSameBits() {
    Document document = Document.of(1, 0);
    float[][] queries = queries(4, 2);
    try (Stored stored = Stored.of(document, PageFormat.INT4)) {
      List<PrefixTable> tables = List.of(stored.table, stored.table);
      Attended all = attend(queries, tables, stored, null, 0);
      for (int unit : new int[] {8, 16, 32}) {
        PageBudget budget = new PageBudget(unit, 10_000, 0, 0, 0);
        PageList list = choose(queries, stored, budget, GroupReduction.SUM, 3);
        assertThat(list.read(1, 0)).hasSize((document.list(0).length + unit - 1) / unit);
        Attended listed = attend(queries, tables, stored, list, 0);
        assertThat(listed.out).isDeepEqualTo(all.out);
      }
      // Units of two sizes that stand for the same slots.
      PageList pages = backend.allocatePageList(2, HEADS, TOKENS / 8 + 1);
      PageList tiles = backend.allocatePageList(2, HEADS, TOKENS / 8 + 1);
      keep(pages, stored, new PageBudget(32, 11, 64, 0, 0));
      keep(tiles, stored, new PageBudget(8, 41, 64, 0, 0));
      assertThat(attend(queries, tables, stored, pages, 0).out.length).isEqualTo(2);
      assertThat(pages.read(0, 1)).isEqualTo(new int[] {0});
      assertThat(tiles.read(0, 0)).startsWith(0, 1, 2, 3, 4, 5, 6, 7).hasSize(40);
    }
  }

  private static void keep(PageList list, Stored stored, PageBudget budget) {
    RowRange rows = new RowRange(0, 2);
    PrefixRows prefixes =
        new PrefixRows(stored.store.memory(), rows, List.of(stored.table, stored.table));
    backend.prefixOps().keepPrefix(list, prefixes, LAYER, batch(0, 0), rows, budget);
  }

  /** A chunk's largest softmax over rows and heads that share a KV head, each in double. */
  @ParameterizedTest
  @CsvSource({"4, 100, 700, 0", "0, 0, 33, 2"})
  void theMostAttentionOfAnyRow(int first, int from, int to, float cap) {
    Document document = Document.of(1, 0);
    int ownFrom = 2000;
    int rows = 70; // more than a task takes
    float[][] queries = queries(4, rows);
    RaggedBatch host =
        new RaggedBatch(
            new int[rows],
            IntStream.range(ownFrom, ownFrom + rows).toArray(),
            new int[] {0, rows},
            new int[] {0, document.pages.length},
            document.pages,
            new int[0]);
    RowRange chunk = new RowRange(from, to);
    Tensor scores = backend.allocate(HEADS, to - from);
    KvLayer kv = document.kv.upload(backend);
    Tensor q = backend.upload(GuardedTensor.host("q", queries));
    RowRange[] halves = {new RowRange(0, 65), new RowRange(65, rows)};
    for (RowRange some : halves) {
      backend
          .prefixOps()
          .columnMax(scores, q, kv, backend.load(host), some, first, chunk, ownFrom, SCALE, cap);
    }
    float[][] found = GuardedTensor.matrix(backend, scores);
    for (int h = 0; h < HEADS; h++) {
      double[] most = new double[to - from];
      for (int r = 0; r < rows; r++) {
        int last = ownFrom + r;
        int[] keys =
            IntStream.rangeClosed(0, last)
                .filter(p -> p < first || p >= from && p < to || p >= ownFrom)
                .toArray();
        for (int g = 0; g < GROUP; g++) {
          double[] weights = new double[keys.length];
          double total = 0;
          for (int i = 0; i < keys.length; i++) {
            int p = keys[i];
            float[] key = document.kv.key(document.pages[p / PAGE], h, p % PAGE);
            double logit = SCALE * dot(queries[r], h * GROUP + g, key);
            weights[i] = Math.exp(cap == 0 ? logit : cap * Math.tanh(logit / cap));
            total += weights[i];
          }
          for (int i = 0; i < keys.length; i++) {
            if (keys[i] >= from && keys[i] < to) {
              most[keys[i] - from] = Math.max(most[keys[i] - from], weights[i] / total);
            }
          }
        }
      }
      for (int i = 0; i < most.length; i++) {
        assertThat((double) found[h][i]).isCloseTo(most[i], within(1e-5 * most[i] + 1e-9));
      }
    }
  }

  /** KIVI's bytes: N d (b / 4 + 8 / G) for keys and values of b bits in groups of G = 32. */
  @ParameterizedTest
  @CsvSource({"INT8, 8, 8", "INT4, 4, 4", "INT2, 2, 2", "K4V2, 4, 2"})
  void aPageHasTheBytesOfItsFormat(PageFormat format, int keyBits, int valueBits) {
    PrefixGeometry geometry = new PrefixGeometry(DIM, 8, DType.BF16, DType.I8, format);
    double formula = 32 * DIM * ((keyBits + valueBits) / 8.0 + 8.0 / 32);
    assertThat((double) geometry.pageBytes()).isEqualTo(formula);
    assertThat((double) geometry.attendBytes(32 * 7)).isEqualTo(7 * formula);
    PrefixGeometry whole = new PrefixGeometry(DIM, 8, DType.BF16, DType.I8, PageFormat.WHOLE);
    assertThat(whole.pageBytes()).isEqualTo(2 * 2 * 32 * DIM);
    try (PrefixStore store = new PrefixStore(backend, geometry, 99, Set.of())) {
      assertThat((double) store.bytes()).isEqualTo(100 * formula);
    }
  }

  /**
   * Values read back by attention that sees one token: within half a scale of what was stored.
   * Fewer bits are farther off.
   */
  @Test
  void elementsAreWithinHalfAScale() {
    Document document = Document.of(1, 0);
    double before = 0;
    for (PageFormat format : List.of(PageFormat.INT8, PageFormat.INT4, PageFormat.INT2)) {
      double worst = 0;
      int levels = (1 << format.valueBits()) - 1;
      try (Stored stored = Stored.of(document, format)) {
        // A query along one token's key, so far that no other token has any weight.
        int p = document.list(0)[40];
        float[] key = document.kv.key(document.pages[p / PAGE], 0, p % PAGE);
        float[] value = document.kv.value(document.pages[p / PAGE], 0, p % PAGE);
        float[][] query = new float[1][HEADS * GROUP * DIM];
        for (int c = 0; c < DIM; c++) {
          query[0][c] = 60 * key[c];
        }
        float[] read = attend(query, List.of(stored.table), stored, null, 0).out[0];
        for (int group = 0; group < DIM; group += 32) {
          float[] of = Arrays.copyOfRange(value, group, group + 32);
          float[] sorted = of.clone();
          Arrays.sort(sorted);
          double scale = (sorted[31] - sorted[0]) / levels;
          for (int c = 0; c < 32; c++) {
            double off = Math.abs(read[group + c] - of[c]);
            // bf16 widens a group by at most a hundredth on either side
            assertThat(off).isLessThanOrEqualTo(0.5 * scale * 1.03 + 1e-4);
            worst = Math.max(worst, off);
          }
        }
      }
      assertThat(worst).isGreaterThan(before);
      before = worst;
    }
  }

  /**
   * Keys with channels far from zero: groups along tokens keep logits, groups along channels not.
   */
  @Test
  void keysAreGroupedByChannel() {
    for (float offset : new float[] {8, 32}) {
      Document document = Document.of(1, offset);
      double byChannel = keyError(document, false);
      double byToken = keyError(document, true);
      assertThat(byToken).isGreaterThan((offset == 8 ? 1.5 : 4) * byChannel);
    }
  }

  /** Mean square error of keys in 4 bits, grouped as stored or the other way. */
  private static double keyError(Document document, boolean swapped) {
    double sum = 0;
    for (int first = 0; first + 32 <= 640; first += 32) {
      float[][] keys = new float[32][];
      for (int s = 0; s < 32; s++) {
        keys[s] = document.kv.key(document.pages[(first + s) / PAGE], 0, (first + s) % PAGE);
      }
      for (int c0 = 0; c0 < DIM; c0 += 32) {
        for (int line = 0; line < 32; line++) {
          double low = Double.MAX_VALUE;
          double high = -Double.MAX_VALUE;
          for (int i = 0; i < 32; i++) {
            float x = swapped ? keys[line][c0 + i] : keys[i][c0 + line];
            low = Math.min(low, x);
            high = Math.max(high, x);
          }
          double scale = (high - low) / 15;
          for (int i = 0; i < 32; i++) {
            float x = swapped ? keys[line][c0 + i] : keys[i][c0 + line];
            double off = Math.round((x - low) / scale) * scale + low - x;
            sum += off * off;
          }
        }
      }
    }
    return sum;
  }

  /** Digests are of what is stored: the bound of min and max holds for keys in 2 bits. */
  @Test
  void digestsDescribeWhatIsStored() {
    Document document = Document.of(1, 16);
    float[][] queries = queries(8, 1);
    int higher = 0;
    try (Stored stored = Stored.of(document, PageFormat.INT2)) {
      PageScore bound = PageScores.MINMAX;
      Tensor scores = backend.allocate(HEADS, TOKENS / 8 + 1);
      RowRange row = new RowRange(0, 1);
      PrefixRows prefixes = new PrefixRows(stored.store.memory(), row, List.of(stored.table));
      backend
          .prefixOps()
          .scorePrefix(
              scores,
              backend.upload(GuardedTensor.host("q", queries)),
              prefixes,
              LAYER,
              batch(0),
              row,
              Scoring.of(bound, GroupReduction.MAX),
              BUDGET);
      float[] ofHead = new float[TOKENS / 8 + 1];
      backend.read(scores, 0, ofHead);
      PageList one = backend.allocatePageList(1, HEADS, TOKENS / 8 + 1);
      for (int tile = 0; tile < 60; tile++) {
        PageBudget first = new PageBudget(8, tile + 2, 8 * (tile + 1), 0, 0);
        backend.prefixOps().keepPrefix(one, prefixes, LAYER, batch(0), row, first);
        // log-sum-exp over the tiles up to this one is at most the largest bound + log of tokens
        Attended attended = attend(queries, List.of(stored.table), stored, one, 0);
        double limit = 0;
        for (int t = 0; t <= tile; t++) {
          limit = Math.max(limit, SCALE * ofHead[t]);
        }
        for (int g = 0; g < GROUP; g++) {
          assertThat((double) attended.logSumExp[0][g])
              .isLessThanOrEqualTo(Math.max(2, limit) + Math.log(8 * (tile + 1) + 1) + 1e-4);
        }
        higher += keyBound(document, queries[0], tile) > ofHead[tile] + 1e-3 ? 1 : 0;
      }
    }
    assertThat(higher).as("keys before they are encoded are not bounded").isPositive();
  }

  /** The largest q.k of a tile's keys as they were computed. */
  private static double keyBound(Document document, float[] query, int tile) {
    float[] keys = new float[DIM * 8];
    for (int s = 0; s < 8; s++) {
      int p = document.list(0)[tile * 8 + s];
      for (int c = 0; c < DIM; c++) {
        keys[c * 8 + s] = document.kv.key(document.pages[p / PAGE], 0, p % PAGE)[c];
      }
    }
    float[] pair = new float[2 * DIM];
    PageScores.MINMAX.digest(pair, keys, DIM, 8, 8);
    double most = Double.NEGATIVE_INFINITY;
    for (int g = 0; g < GROUP; g++) {
      float[] probe = new float[2 * DIM];
      PageScores.MINMAX.fold(probe, 0, query, g * DIM, DIM);
      double score = 0;
      for (int i = 0; i < 2 * DIM; i++) {
        score += (double) probe[i] * pair[i];
      }
      most = Math.max(most, score);
    }
    return most;
  }
}
