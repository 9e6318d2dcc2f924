package dev.questspark.engine.ops;

import dev.questspark.engine.cache.PrefixStore;
import dev.questspark.engine.ops.backend.Backend;
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
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;

/** Documents in live pages and in prefix stores, and attention over both in double precision. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class PrefixCase {
  static final int DIM = 64;
  static final int HEADS = 2;
  static final int GROUP = 3;
  static final int TOKENS = 2700;
  static final int LAYER = 1;
  static final int PAGE = 16;
  static final float SCALE = 0.125f;

  static Backend backend;

  /** A backend whose activations and cache are floats. */
  abstract Backend openBackend();

  @BeforeAll
  void open() {
    backend = openBackend();
  }

  @AfterAll
  void close() {
    backend.close();
  }

  /** A document in live pages, and what two layers of two heads keep of it. */
  record Document(HostKv kv, int[] pages, KeptSlots kept) {

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
  record Stored(Document document, PrefixStore store, PrefixTable table) implements AutoCloseable {

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
  static LoadedBatch batch(int... positions) {
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

  record Attended(float[][] out, float[][] logSumExp, ReadCounters counters) {}

  /**
   * Attention of rows over their prefixes, merged into a state that is the same for all.
   *
   * @param list null for all
   */
  static Attended attend(
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

  static float[][] queries(long seed, int rows) {
    Random random = new Random(seed);
    float[][] queries = new float[rows][HEADS * GROUP * DIM];
    for (float[] query : queries) {
      for (int i = 0; i < query.length; i++) {
        query[i] = (float) random.nextGaussian();
      }
    }
    return queries;
  }

  static double dot(float[] query, int head, float[] key) {
    double sum = 0;
    for (int c = 0; c < DIM; c++) {
      sum += (double) query[head * DIM + c] * key[c];
    }
    return sum;
  }

  /** Attention of one query head over slots of its prefix beside a state of (0.5, lse 2). */
  static double[] expected(
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

  static List<Integer> all(Document document, int head) {
    return IntStream.range(0, document.list(head / GROUP).length).boxed().toList();
  }

  static final PageBudget BUDGET = new PageBudget(8, 40, 20, 30, 0);

  static PageList choose(
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
}
