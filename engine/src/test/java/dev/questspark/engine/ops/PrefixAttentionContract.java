package dev.questspark.engine.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.ops.prefix.PageFormat;
import dev.questspark.engine.ops.prefix.PrefixBudget;
import dev.questspark.engine.ops.prefix.PrefixRows;
import dev.questspark.engine.ops.prefix.PrefixTable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** What rows read of prefixes, against loops in double precision over the tokens that were kept. */
abstract class PrefixAttentionContract extends PrefixCase {
  @ParameterizedTest
  @CsvSource({"0", "3"})
  void attentionIsThatOverWhatEachHeadKept(float cap) {
    Document document = Document.of(1, 0);
    float[][] queries = queries(2, 3);
    try (Stored stored = Stored.of(document, PageFormat.WHOLE)) {
      List<PrefixTable> tables = List.of(stored.table(), stored.table(), stored.table());
      Attended attended = attend(queries, tables, stored, null, cap);
      for (int r = 0; r < 3; r++) {
        for (int head = 0; head < HEADS * GROUP; head++) {
          double[] expected = expected(queries[r], head, document, all(document, head), cap);
          for (int c = 0; c < DIM; c++) {
            assertThat((double) attended.out()[r][head * DIM + c])
                .isCloseTo(expected[c], within(2e-5));
          }
        }
        int kept = document.list(0).length + document.list(1).length;
        assertThat(attended.counters().tokensAttended()[r]).isEqualTo(kept);
        assertThat(attended.counters().prefixTokens()[r]).isEqualTo(kept);
      }
    }
  }

  /** Elements of the largest tensor of a store: small ones where a backend reads several. */
  long piece() {
    return 40_000;
  }

  /** What questions share, where pages lie, and in how many tensors, changes no bit. */
  @ParameterizedTest
  @EnumSource(PageFormat.class)
  void aRowsBitsAreItsOwn(PageFormat format) {
    Document document = Document.of(1, 0);
    Document other = Document.of(5, 0);
    float[][] queries = queries(2, 7);
    try (Stored stored = Stored.of(document, format);
        Stored elsewhere = Stored.of(document, format, piece(), 9);
        Stored others = Stored.of(other, format)) {
      assertThat(elsewhere.store().memory().slabs().size() > 5)
          .isEqualTo(piece() < Integer.MAX_VALUE);
      Attended together = attend(queries, Collections.nCopies(7, stored.table()), stored, null, 0);
      Attended apart =
          attend(queries, Collections.nCopies(7, elsewhere.table()), elsewhere, null, 0);
      assertThat(apart.out()).isDeepEqualTo(together.out());
      assertThat(apart.logSumExp()).isDeepEqualTo(together.logSumExp());
      for (int r = 0; r < 7; r++) {
        Attended alone =
            attend(new float[][] {queries[r]}, List.of(stored.table()), stored, null, 0);
        assertThat(alone.out()[0]).isEqualTo(together.out()[r]);
        assertThat(alone.logSumExp()[0]).isEqualTo(together.logSumExp()[r]);
      }
      assertThat(attend(queries, Collections.nCopies(7, others.table()), others, null, 0).out())
          .isNotEqualTo(together.out());
    }
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
      Attended attended = attend(queries, List.of(stored.table(), stored.table()), stored, list, 0);
      for (int head = 0; head < HEADS * GROUP; head++) {
        List<Integer> slots = new ArrayList<>();
        int kept = document.list(head / GROUP).length;
        for (int entry : list.read(1, head / GROUP)) {
          IntStream.range(entry * unit, Math.min(kept, (entry + 1) * unit)).forEach(slots::add);
        }
        double[] expected = expected(queries[1], head, document, slots, 0);
        for (int c = 0; c < DIM; c++) {
          assertThat((double) attended.out()[1][head * DIM + c])
              .isCloseTo(expected[c], within(2e-5));
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
          keys[c * 8 + s] = document.kv().key(document.pages()[p / PAGE], h, p % PAGE)[c];
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
      List<PrefixTable> tables = List.of(stored.table(), stored.table());
      Attended all = attend(queries, tables, stored, null, 0);
      for (int unit : new int[] {8, 16, 32}) {
        PageBudget budget = new PageBudget(unit, 10_000, 0, 0, 0);
        PageList list = choose(queries, stored, budget, GroupReduction.SUM, 3);
        assertThat(list.read(1, 0)).hasSize((document.list(0).length + unit - 1) / unit);
        Attended listed = attend(queries, tables, stored, list, 0);
        assertThat(listed.out()).isDeepEqualTo(all.out());
      }
      // Units of two sizes that stand for the same slots.
      PageList pages = backend.allocatePageList(2, HEADS, TOKENS / 8 + 1);
      PageList tiles = backend.allocatePageList(2, HEADS, TOKENS / 8 + 1);
      keep(pages, stored, new PageBudget(32, 11, 64, 0, 0));
      keep(tiles, stored, new PageBudget(8, 41, 64, 0, 0));
      assertThat(attend(queries, tables, stored, pages, 0).out().length).isEqualTo(2);
      assertThat(pages.read(0, 1)).isEqualTo(new int[] {0});
      assertThat(tiles.read(0, 0)).startsWith(0, 1, 2, 3, 4, 5, 6, 7).hasSize(40);
    }
  }

  private static void keep(PageList list, Stored stored, PageBudget budget) {
    RowRange rows = new RowRange(0, 2);
    PrefixRows prefixes =
        new PrefixRows(stored.store().memory(), rows, List.of(stored.table(), stored.table()));
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
            new int[] {0, document.pages().length},
            document.pages(),
            new int[0]);
    RowRange chunk = new RowRange(from, to);
    Tensor scores = backend.allocate(HEADS, to - from);
    KvLayer kv = document.kv().upload(backend);
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
            float[] key = document.kv().key(document.pages()[p / PAGE], h, p % PAGE);
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
}
