package dev.questspark.engine.ops;

import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/**
 * A batch over a filled cache: spans at given positions, scattered page ids, full pages shared
 * between consecutive spans as documents share them with their questions. Slots without a token are
 * NaN.
 *
 * @param group query heads per KV head
 * @param kv keys, values and digests of every token up to each span's last row
 */
record CacheScenario(int group, HostKv kv, RaggedBatch batch) {

  /** First position and number of rows of one span. */
  record Span(int start, int rows) {}

  private static final ReferenceTensorOps REFERENCE = new ReferenceTensorOps();

  static CacheScenario of(
      Random random, KvGeometry geometry, int window, int group, List<Span> spans) {
    RaggedBatch batch = batch(random, geometry.pageSize(), spans);
    HostKv kv = HostKv.empty(geometry, window, poolPages(batch));
    for (int s = 0; s < spans.size(); s++) {
      fill(random, kv, batch, s, spans.get(s).start + spans.get(s).rows);
    }
    return new CacheScenario(group, kv, batch);
  }

  /** The same batch over a cache that holds only what came before the batch's own tokens. */
  CacheScenario beforeAppend() {
    HostKv before = HostKv.empty(kv.geometry(), kv.window(), poolPages(batch));
    for (int s = 0; s < batch.spans(); s++) {
      int rows = batch.spanRows()[s + 1] - batch.spanRows()[s];
      int start = rows == 0 ? 0 : batch.positions()[batch.spanRows()[s]];
      fill(new Random(s), before, batch, s, start);
    }
    return new CacheScenario(group, before, batch);
  }

  /** Pages of the layer: three more than the batch uses, the last ones. */
  private static int poolPages(RaggedBatch batch) {
    return Arrays.stream(batch.pageTable()).max().orElse(0) + 4;
  }

  private static RaggedBatch batch(Random random, int pageSize, List<Span> spans) {
    int rows = spans.stream().mapToInt(Span::rows).sum();
    int[] tokens = random.ints(rows, 0, 50).toArray();
    int[] positions = new int[rows];
    int[] spanRows = new int[spans.size() + 1];
    int[] spanPages = new int[spans.size() + 1];
    List<Integer> table = new ArrayList<>();
    List<Integer> free = new ArrayList<>();
    int needed = spans.stream().mapToInt(s -> (s.start + s.rows) / pageSize + 1).sum();
    for (int page = 0; page < needed; page++) {
      free.add(page);
    }
    Collections.shuffle(free, random);
    for (int s = 0; s < spans.size(); s++) {
      Span span = spans.get(s);
      int shared = s == 0 ? 0 : Math.min(spans.get(s - 1).start, span.start) / pageSize;
      int pages = (span.start + span.rows + pageSize - 1) / pageSize;
      for (int page = 0; page < pages; page++) {
        boolean share = page < shared;
        table.add(share ? table.get(spanPages[s - 1] + page) : free.remove(free.size() - 1));
      }
      for (int i = 0; i < span.rows; i++) {
        positions[spanRows[s] + i] = span.start + i;
      }
      spanRows[s + 1] = spanRows[s] + span.rows;
      spanPages[s + 1] = table.size();
    }
    int[] logitRows = new int[Math.min(rows, 3)];
    for (int i = 0; i < logitRows.length; i++) {
      logitRows[i] = (int) ((long) (i + 1) * rows / logitRows.length) - 1;
    }
    int[] pageTable = table.stream().mapToInt(i -> i).toArray();
    return new RaggedBatch(tokens, positions, spanRows, spanPages, pageTable, logitRows);
  }

  /** Fills the first {@code tokens} slots of a span's pages, where they are still empty. */
  private static void fill(Random random, HostKv kv, RaggedBatch batch, int span, int tokens) {
    int pageSize = kv.geometry().pageSize();
    for (int t = 0; t < tokens; t++) {
      int page = batch.pageTable()[batch.spanPages()[span] + t / pageSize];
      for (int h = 0; h < kv.geometry().kvHeads(); h++) {
        float[] key = kv.key(page, h, t % pageSize);
        if (!Float.isNaN(key[0])) {
          continue; // shared with an earlier span
        }
        for (int i = 0; i < key.length; i++) {
          key[i] = 2 * random.nextFloat() - 1;
          kv.value(page, h, t % pageSize)[i] = 2 * random.nextFloat() - 1;
        }
        for (PageScore score : PageScores.KNOWN) {
          REFERENCE.digest(kv, score, page, h, t % pageSize + 1);
        }
      }
    }
  }

  int queryColumns() {
    return kv.geometry().kvHeads() * group * kv.geometry().headDim();
  }

  int queryHeads() {
    return kv.geometry().kvHeads() * group;
  }

  int longestPages() {
    return longest(kv.geometry().pageSize());
  }

  /** Units of so many tokens that the longest sequence has. */
  int longest(int unit) {
    return Arrays.stream(batch.positions()).max().orElse(0) / unit + 1;
  }

  @Override
  public String toString() {
    KvGeometry g = kv.geometry();
    return g.kvHeads()
        + " KV heads x "
        + group
        + ", D "
        + g.headDim()
        + ", page "
        + g.pageSize()
        + ", block "
        + g.digestBlockSize()
        + ", window "
        + kv.window()
        + ", rows "
        + batch.rows()
        + " in "
        + batch.spans()
        + " spans";
  }
}
