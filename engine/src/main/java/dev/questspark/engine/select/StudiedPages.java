package dev.questspark.engine.select;

import dev.questspark.engine.ops.KeyOrder;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.backend.Backend;
import java.util.Arrays;
import java.util.List;
import java.util.PriorityQueue;
import java.util.stream.IntStream;

/**
 * Dense attention that is watched: asks every policy of a {@link SelectionStudy} for its pages,
 * weighs them by the true attention, and lists every page. Waits for the device and reads all keys
 * of the row's sequence; for studies only.
 */
final class StudiedPages implements PageSelector {
  private final SelectionStudy study;
  private final List<PageSelector> policies;
  private final PageSelector dense = new AllPages();
  private final Backend backend;
  private final double scale;

  /**
   * @param scale of q.k before the softmax
   */
  StudiedPages(SelectionStudy study, int pageSize, Backend backend, double scale) {
    this.study = study;
    this.policies =
        study.policies().stream().map(policy -> PageSelectors.of(policy, pageSize)).toList();
    this.backend = backend;
    this.scale = scale;
  }

  @Override
  public void select(PageList list, Query query) {
    int[] positions = query.batch().host().positions();
    boolean wanted =
        IntStream.range(query.rows().from(), query.rows().to())
            .anyMatch(row -> study.wants(query.layer(), positions[row]));
    if (wanted) {
      watch(list, query);
    }
    dense.select(list, query);
  }

  private void watch(PageList list, Query query) {
    int rows = query.rows().count();
    int kvHeads = query.kv().geometry().kvHeads();
    int[][][][] kept = new int[rows][policies.size()][kvHeads][];
    for (int p = 0; p < policies.size(); p++) {
      policies.get(p).select(list, query);
      for (int i = 0; i < rows; i++) {
        for (int kvHead = 0; kvHead < kvHeads; kvHead++) {
          kept[i][p][kvHead] = list.read(i, kvHead);
        }
      }
    }
    for (int i = 0; i < rows; i++) {
      int row = query.rows().from() + i;
      int position = query.batch().host().positions()[row];
      if (study.wants(query.layer(), position)) {
        weigh(query, row, position, kept[i]);
      }
    }
  }

  private void weigh(Query query, int row, int position, int[][][] kept) {
    KvGeometry geometry = query.kv().geometry();
    int headDim = geometry.headDim();
    int group = query.q().cols() / headDim / geometry.kvHeads();
    float[] queries = new float[query.q().cols()];
    backend.read(query.q(), row, queries);
    double[][] mass = new double[policies.size()][queries.length / headDim];
    double[][] recall = new double[policies.size()][queries.length / headDim];
    int first = query.kv().firstVisible(position);
    for (int kvHead = 0; kvHead < geometry.kvHeads(); kvHead++) {
      float[] keys = keys(query, row, position, kvHead);
      for (int head = kvHead * group; head < (kvHead + 1) * group; head++) {
        double[] weights = weights(queries, head * headDim, keys, headDim, first, position);
        double[] pageMass = new double[geometry.pagesFor(position + 1)];
        for (int token = first; token <= position; token++) {
          pageMass[token / geometry.pageSize()] += weights[token - first];
        }
        int[] top = heaviest(weights, first);
        for (int p = 0; p < kept.length; p++) {
          mass[p][head] = Arrays.stream(kept[p][kvHead]).mapToDouble(page -> pageMass[page]).sum();
          recall[p][head] = recall(top, kept[p][kvHead], geometry.pageSize());
        }
      }
    }
    study.add(query.layer(), position, mass, recall);
  }

  /** Keys of one KV head, (tokens up to position, headDim), pages left of the window included. */
  private float[] keys(Query query, int row, int position, int kvHead) {
    KvLayer kv = query.kv();
    RaggedBatch batch = query.batch().host();
    int span = Arrays.binarySearch(batch.spanRows(), row);
    span = span >= 0 ? span : -span - 2;
    while (batch.spanRows()[span + 1] == row) { // spans without rows
      span++;
    }
    int blockSize = kv.geometry().pageSize() * kv.geometry().headDim();
    Tensor all = kv.keys();
    Tensor blocks =
        new Tensor(
            all.buffer(),
            all.dtype(),
            all.offset(),
            all.rows() / kv.geometry().pageSize(),
            blockSize,
            blockSize);
    int pages = kv.geometry().pagesFor(position + 1);
    float[] keys = new float[pages * blockSize];
    float[] block = new float[blockSize];
    for (int page = 0; page < pages; page++) {
      int id = batch.pageTable()[batch.spanPages()[span] + page];
      backend.read(blocks, id * kv.geometry().kvHeads() + kvHead, block);
      slotBySlot(block, kv.geometry(), keys, page * blockSize);
    }
    return keys;
  }

  /** Copies a page's keys from the backend's order to (slot, headDim). */
  private void slotBySlot(float[] block, KvGeometry geometry, float[] keys, int at) {
    if (backend.keyOrder() == KeyOrder.SLOT_MAJOR) {
      System.arraycopy(block, 0, keys, at, block.length);
      return;
    }
    for (int i = 0; i < block.length; i++) {
      int channel = i / geometry.pageSize();
      keys[at + i % geometry.pageSize() * geometry.headDim() + channel] = block[i];
    }
  }

  /** Softmax over the tokens [first, position]. */
  private double[] weights(
      float[] queries, int at, float[] keys, int headDim, int first, int position) {
    double[] weights = new double[position + 1 - first];
    double largest = Double.NEGATIVE_INFINITY;
    for (int token = first; token <= position; token++) {
      double dot = 0;
      for (int c = 0; c < headDim; c++) {
        dot += (double) queries[at + c] * keys[token * headDim + c];
      }
      weights[token - first] = scale * dot;
      largest = Math.max(largest, scale * dot);
    }
    double sum = 0;
    for (int i = 0; i < weights.length; i++) {
      weights[i] = Math.exp(weights[i] - largest);
      sum += weights[i];
    }
    for (int i = 0; i < weights.length; i++) {
      weights[i] /= sum;
    }
    return weights;
  }

  /** Positions of the heaviest tokens, at most {@link SelectionStudy#TOP_TOKENS}. */
  private static int[] heaviest(double[] weights, int first) {
    PriorityQueue<Integer> heaviest =
        new PriorityQueue<>((a, b) -> Double.compare(weights[a], weights[b]));
    for (int i = 0; i < weights.length; i++) {
      if (heaviest.size() < SelectionStudy.TOP_TOKENS) {
        heaviest.add(i);
      } else if (weights[i] > weights[heaviest.peek()]) {
        heaviest.poll();
        heaviest.add(i);
      }
    }
    return heaviest.stream().mapToInt(i -> first + i).toArray();
  }

  private static double recall(int[] top, int[] keptPages, int pageSize) {
    long found =
        Arrays.stream(top)
            .filter(token -> Arrays.binarySearch(keptPages, token / pageSize) >= 0)
            .count();
    return (double) found / top.length;
  }
}
