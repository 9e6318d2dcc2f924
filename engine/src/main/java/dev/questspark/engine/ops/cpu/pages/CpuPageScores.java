package dev.questspark.engine.ops.cpu.pages;

import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Scoring;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScore;
import java.util.Arrays;

/**
 * scorePages: every score is one dot product of a block's digest pair with a vector folded from the
 * query once per (row, head).
 */
public final class CpuPageScores {
  /** Blocks of a task, so that a single long sequence occupies every worker. */
  private static final int CHUNK_BLOCKS = 128;

  /** Blocks whose digests are asked from memory, widened and multiplied together. */
  private static final int BATCH_BLOCKS = 16;

  private final Workers workers;
  private final Scratch[] scratch;

  public CpuPageScores(Workers workers, SimdOps[] simd) {
    this.workers = workers;
    this.scratch = new Scratch[workers.threads()];
    Arrays.setAll(scratch, i -> new Scratch(simd[i]));
  }

  public void scorePages(
      Tensor scores,
      Tensor q,
      KvLayer kv,
      LoadedBatch loaded,
      RowRange rows,
      Scoring scoring,
      PageBudget budget) {
    CpuBatch batch = CpuBatch.of(loaded, rows);
    Tensor tensor = kv.digests().get(scoring.score());
    if (tensor == null) {
      throw new IllegalArgumentException(
          "no " + scoring.score() + " digests are kept; the cache has " + kv.digests().keySet());
    }
    CpuDigests digests = new CpuDigests(scoring.score(), tensor, new CpuKvPages(kv));
    budget.requireDivides(digests.pages().pageSize);
    if (budget.unit() % digests.pages().blockSize != 0) {
      throw new IllegalArgumentException(
          "units of " + budget.unit() + " tokens with digests of " + digests.pages().blockSize);
    }
    int kvHeads = digests.pages().kvHeads;
    int group = OpArguments.queryHeadsPerKvHead(q, kv);
    OpArguments.require("scores", scores, rows.count() * kvHeads, scores.cols());
    OpArguments.require("q", q, rows.to(), q.cols());
    Tensor headScores = null;
    if (scoring.reduction() == GroupReduction.SOFTMAX) {
      headScores = scoring.headScores().orElseThrow();
      OpArguments.require("head scores", headScores, rows.count() * kvHeads * group, scores.cols());
    }
    int width = 2 * digests.pages().headDim;
    Call call = new Call(scores, headScores, q, digests, batch, rows, scoring, budget, group);
    int longest = call.longest();
    grow(kvHeads * group, width, longest);
    int chunks = (longest + CHUNK_BLOCKS - 1) / CHUNK_BLOCKS;
    workers.run(
        rows.count() * chunks,
        (long) kvHeads * group * width * CHUNK_BLOCKS,
        (task, worker) ->
            call.scoreChunk(rows.from() + task / chunks, task % chunks, scratch[worker]));
    if (headScores != null) {
      workers.run(
          rows.count() * kvHeads,
          8L * group * longest,
          (task, worker) ->
              call.reduceBySoftmax(rows.from() + task / kvHeads, task % kvHeads, scratch[worker]));
    }
  }

  private void grow(int heads, int width, int blocks) {
    for (Scratch each : scratch) {
      if (each.probes.length < heads * width || each.pairs.length < BATCH_BLOCKS * width) {
        each.probes = new float[heads * width];
        each.pairs = new float[BATCH_BLOCKS * width];
      }
      if (each.sums.length < heads * CHUNK_BLOCKS) {
        each.sums = new float[heads * CHUNK_BLOCKS];
      }
      if (each.weights.length < blocks) {
        each.weights = new float[Math.max(blocks, 2 * each.weights.length)];
      }
    }
  }

  /** One worker's memory. */
  private static final class Scratch {
    final SimdOps simd;
    float[] probes = new float[0]; // (Hkv, G, 2 D): folded queries
    float[] pairs = new float[0]; // of a batch of blocks, as floats
    float[] sums = new float[0]; // (Hkv, G, blocks of a chunk)
    final int[] firsts = new int[BATCH_BLOCKS]; // where the pairs of a batch begin
    float[] weights = new float[0]; // of a head, for softmax
    float touched; // without a use, the compiler would drop the loads

    Scratch(SimdOps simd) {
      this.simd = simd;
    }
  }

  /** The arguments of one call of the op. */
  private static final class Call {
    private final Tensor scores;
    private final Tensor headScores; // null unless reduced by softmax
    private final Tensor q;
    private final CpuDigests digests;
    private final CpuKvPages pages;
    private final CpuBatch batch;
    private final RowRange rows;
    private final Scoring scoring;
    private final PageBudget budget;
    private final int group;

    Call(
        Tensor scores,
        Tensor headScores,
        Tensor q,
        CpuDigests digests,
        CpuBatch batch,
        RowRange rows,
        Scoring scoring,
        PageBudget budget,
        int group) {
      this.scores = scores;
      this.headScores = headScores;
      this.q = q;
      this.digests = digests;
      this.pages = digests.pages();
      this.batch = batch;
      this.rows = rows;
      this.scoring = scoring;
      this.budget = budget;
      this.group = group;
    }

    /** First block that a row scores. */
    private int firstBlock(int row) {
      return pages.firstVisible(batch.position(row)) / pages.blockSize;
    }

    /** Where the blocks end that a row scores: those before its current unit. */
    private int endBlock(int row) {
      return batch.position(row) / budget.unit() * (budget.unit() / pages.blockSize);
    }

    private boolean readsAll(int row) {
      int position = batch.position(row);
      return budget.readsAllFrom(pages.firstVisible(position), position);
    }

    /** Most blocks before the current unit of any row. */
    int longest() {
      int longest = 0;
      for (int row = rows.from(); row < rows.to(); row++) {
        longest = Math.max(longest, endBlock(row));
      }
      return longest;
    }

    /** Scores a row's blocks of one chunk for all KV heads, whose pairs stand side by side. */
    void scoreChunk(int row, int chunk, Scratch scratch) {
      if (readsAll(row)) {
        return;
      }
      if (endBlock(row) > scores.cols()) {
        throw new IllegalArgumentException(
            "row " + row + " has " + endBlock(row) + " blocks to score, room for " + scores.cols());
      }
      int from = Math.max(firstBlock(row), chunk * CHUNK_BLOCKS);
      int to = Math.min(endBlock(row), (chunk + 1) * CHUNK_BLOCKS);
      if (from >= to) {
        return;
      }
      fold(row, scratch.probes);
      for (int block = from; block < to; block += BATCH_BLOCKS) {
        scoreBatch(row, block, Math.min(BATCH_BLOCKS, to - block), block - from, scratch);
      }
      for (int head = 0; head < pages.kvHeads; head++) {
        int scoreRow = (row - rows.from()) * pages.kvHeads + head;
        store(scoreRow, from, to - from, scratch.sums, head * group * CHUNK_BLOCKS);
      }
      batch.countScored(row, (to - from) * pages.kvHeads);
    }

    /**
     * Scores a few consecutive blocks of a row for all KV heads, those of a chunk from {@code at}
     * on.
     */
    private void scoreBatch(int row, int from, int count, int at, Scratch scratch) {
      int[] firsts = scratch.firsts;
      findPairs(row, from, count, firsts);
      for (int i = 0; i < count; i++) {
        scratch.touched += digests.touch(firsts[i]);
      }
      int width = 2 * pages.headDim;
      for (int head = 0; head < pages.kvHeads; head++) {
        digests.multiply(
            scratch.sums,
            head * group * CHUNK_BLOCKS + at,
            CHUNK_BLOCKS,
            scratch.probes,
            head * group * width,
            group,
            firsts,
            count,
            scratch.pairs,
            scratch.simd);
        for (int i = 0; i < count; i++) {
          firsts[i] += pages.digestColumns; // those of the next head
        }
      }
    }

    /** Where the pairs of consecutive blocks begin, those of KV head 0. */
    private void findPairs(int row, int from, int count, int[] firsts) {
      int blocksPerPage = pages.pageSize / pages.blockSize;
      int logical = from / blocksPerPage;
      int block = from % blocksPerPage;
      int page = batch.page(row, logical);
      for (int i = 0; i < count; i++) {
        if (block == blocksPerPage) {
          block = 0;
          page = batch.page(row, ++logical);
        }
        firsts[i] = digests.pairAt(page * blocksPerPage + block++, 0);
      }
    }

    /** Fills (Hkv, G, 2 D): what digest pairs are multiplied with, for each query head. */
    private void fold(int row, float[] probes) {
      PageScore score = scoring.score();
      float[] query = HeapBuffer.floats(q);
      int headDim = pages.headDim;
      for (int head = 0; head < pages.kvHeads * group; head++) {
        int from = HeapBuffer.at(q, row) + head * headDim;
        score.fold(probes, head * 2 * headDim, query, from, headDim);
      }
    }

    /** Keeps the scores of a chunk for later, or reduces them at once. */
    private void store(int scoreRow, int from, int count, float[] sums, int first) {
      if (headScores != null) {
        float[] target = HeapBuffer.floats(headScores);
        for (int g = 0; g < group; g++) {
          int at = HeapBuffer.at(headScores, scoreRow * group + g) + from;
          System.arraycopy(sums, first + g * CHUNK_BLOCKS, target, at, count);
        }
        return;
      }
      float[] target = HeapBuffer.floats(scores);
      int at = HeapBuffer.at(scores, scoreRow) + from;
      System.arraycopy(sums, first, target, at, count);
      for (int g = 1; g < group; g++) {
        int others = first + g * CHUNK_BLOCKS;
        if (scoring.reduction() == GroupReduction.SUM) {
          add(target, at, sums, others, count);
        } else {
          raise(target, at, sums, others, count);
        }
      }
    }

    private static void add(float[] target, int at, float[] others, int from, int count) {
      for (int i = 0; i < count; i++) {
        target[at + i] += others[from + i];
      }
    }

    private static void raise(float[] target, int at, float[] others, int from, int count) {
      for (int i = 0; i < count; i++) {
        target[at + i] = Math.max(target[at + i], others[from + i]);
      }
    }

    /** The sum over a group's heads of each one's softmax over the blocks that the row scored. */
    void reduceBySoftmax(int row, int kvHead, Scratch scratch) {
      int from = firstBlock(row);
      int count = endBlock(row) - from;
      if (readsAll(row) || count == 0) {
        return;
      }
      int scoreRow = (row - rows.from()) * pages.kvHeads + kvHead;
      float[] reduced = HeapBuffer.floats(scores);
      int target = HeapBuffer.at(scores, scoreRow) + from;
      Arrays.fill(reduced, target, target + count, 0f);
      float[] ofHeads = HeapBuffer.floats(headScores);
      float[] weights = scratch.weights;
      for (int g = 0; g < group; g++) {
        int source = HeapBuffer.at(headScores, scoreRow * group + g) + from;
        for (int i = 0; i < count; i++) {
          weights[i] = scoring.scale() * ofHeads[source + i];
        }
        float largest = scratch.simd.max(weights, 0, count);
        float share = 1 / scratch.simd.exponentiate(weights, 0, count, largest);
        for (int i = 0; i < count; i++) {
          reduced[target + i] += share * weights[i];
        }
      }
    }
  }
}
