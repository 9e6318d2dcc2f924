package dev.questspark.engine.ops.cpu.pages;

import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import dev.questspark.engine.ops.prune.TokenPruning;
import java.util.Arrays;

/**
 * pruneTokens. Weights are compared as integers, the largest of a head being 2^30, so that sums do
 * not depend on their order.
 */
public final class CpuTokenPruning {
  private static final float LARGEST_WEIGHT = 1 << 30;

  /** More than any share. */
  private static final int ALWAYS = Integer.MAX_VALUE;

  /** Less than any share. */
  private static final int NEVER = -1;

  private final Workers workers;
  private final Scratch[] scratch;

  public CpuTokenPruning(Workers workers, SimdOps[] simd) {
    this.workers = workers;
    this.scratch = new Scratch[workers.threads()];
    Arrays.setAll(scratch, i -> new Scratch(simd[i]));
  }

  public void pruneTokens(
      PageList target,
      Tensor q,
      KvLayer kv,
      LoadedBatch loaded,
      RowRange rows,
      TokenPruning pruning,
      float scale) {
    CpuBatch batch = CpuBatch.of(loaded, rows);
    int kvHeads = kv.geometry().kvHeads();
    CpuPageList list = CpuPageList.of(target, rows.count(), kvHeads);
    OpArguments.require("q", q, rows.to(), q.cols());
    int group = OpArguments.queryHeadsPerKvHead(q, kv);
    int headDim = kv.geometry().headDim();
    Call call =
        new Call(list, list.unit(), q, kv, new CpuInt4Keys(kv), batch, pruning, group, scale);
    workers.run(
        rows.count() * kvHeads,
        (long) list.unit() * list.count(0) * (group + 1) * headDim,
        (task, worker) ->
            call.prune(task, rows.from() + task / kvHeads, task % kvHeads, scratch[worker]));
    list.unit(1);
  }

  /** One worker's memory. N = tokens of a list. */
  private static final class Scratch {
    final SimdOps simd;
    final long[] sums = new long[256]; // of the weights of one byte's value
    float[] keys = new float[0]; // (D, S) of a page, widened
    float[] ofPage = new float[0]; // (G, S) logits
    int[] tokens = new int[0]; // (N) positions
    float[] logits = new float[0]; // (G, N)
    int[] weights = new int[0]; // (N)
    int[] best = new int[0]; // (N) largest share of any head, as an integer
    boolean[] kept = new boolean[0]; // (N)

    Scratch(SimdOps simd) {
      this.simd = simd;
    }

    void grow(int count, int group, int headDim, int pageSize) {
      if (keys.length < headDim * pageSize || ofPage.length < group * pageSize) {
        keys = new float[headDim * pageSize];
        ofPage = new float[group * pageSize];
      }
      if (tokens.length < count || logits.length < group * count) {
        tokens = new int[count];
        logits = new float[group * count];
        weights = new int[count];
        best = new int[count];
        kept = new boolean[count];
      }
    }
  }

  /** The arguments of one call of the op. */
  private static final class Call {
    private final CpuPageList list;
    private final int unit;
    private final Tensor q;
    private final KvLayer kv;
    private final CpuInt4Keys int4Keys;
    private final CpuBatch batch;
    private final TokenPruning pruning;
    private final int group;
    private final float scale;

    Call(
        CpuPageList list,
        int unit,
        Tensor q,
        KvLayer kv,
        CpuInt4Keys int4Keys,
        CpuBatch batch,
        TokenPruning pruning,
        int group,
        float scale) {
      this.list = list;
      this.unit = unit;
      this.q = q;
      this.kv = kv;
      this.int4Keys = int4Keys;
      this.batch = batch;
      this.pruning = pruning;
      this.group = group;
      this.scale = scale;
    }

    void prune(int index, int row, int kvHead, Scratch scratch) {
      int headDim = kv.geometry().headDim();
      int pageSize = kv.geometry().pageSize();
      scratch.grow(list.count(index) * unit, group, headDim, pageSize);
      int count = expand(index, row, scratch.tokens);
      int position = batch.position(row);
      boolean[] kept = scratch.kept;
      Arrays.fill(kept, 0, count, true);
      if (!pruning.keepsAll(position + 1)) {
        estimate(row, kvHead, count, scratch);
        batch.countEstimated(row, count);
        Arrays.fill(kept, 0, count, false);
        Arrays.fill(scratch.best, 0, count, 0);
        for (int g = 0; g < group; g++) {
          keepShare(g * count, count, scratch);
        }
        bound(position, count, scratch);
      }
      int entries = 0;
      for (int i = 0; i < count; i++) {
        entries += kept[i] ? 1 : 0;
      }
      list.count(index, entries);
      int at = list.start(index);
      for (int i = 0; i < count; i++) {
        if (kept[i]) {
          list.entries()[at++] = scratch.tokens[i];
        }
      }
    }

    /** The positions that a list names and the row sees, ascending; returns how many. */
    private int expand(int index, int row, int[] tokens) {
      int first = batch.firstVisible(row, kv);
      int position = batch.position(row);
      int count = 0;
      for (int i = 0; i < list.count(index); i++) {
        int start = list.entries()[list.start(index) + i] * unit;
        int end = Math.min(position + 1, start + unit);
        for (int token = Math.max(first, start); token < end; token++) {
          tokens[count++] = token;
        }
      }
      return count;
    }

    /** Fills (G, N): scale * q.k from the keys in 4 bits, page by page. */
    private void estimate(int row, int kvHead, int count, Scratch scratch) {
      int headDim = kv.geometry().headDim();
      int pageSize = kv.geometry().pageSize();
      int query = HeapBuffer.at(q, row) + kvHead * group * headDim;
      int widened = -1;
      for (int i = 0; i < count; i++) {
        int page = scratch.tokens[i] / pageSize;
        if (page != widened) {
          widened = page;
          int4Keys.widen(batch.page(row, page), kvHead, scratch.keys);
          scratch.simd.logits(
              scratch.ofPage,
              0,
              pageSize,
              HeapBuffer.floats(q),
              query,
              group,
              scratch.keys,
              0,
              headDim,
              pageSize,
              scale);
        }
        int slot = scratch.tokens[i] % pageSize;
        for (int g = 0; g < group; g++) {
          scratch.logits[g * count + i] = scratch.ofPage[g * pageSize + slot];
        }
      }
    }

    /** Keeps the heaviest tokens of one head that reach the share, ties to the lowest position. */
    private void keepShare(int from, int count, Scratch scratch) {
      float[] logits = scratch.logits;
      float largest = scratch.simd.max(logits, from, count);
      scratch.simd.exponentiate(logits, from, count, largest);
      int[] weights = scratch.weights;
      long total = 0;
      for (int i = 0; i < count; i++) {
        weights[i] = (int) (logits[from + i] * LARGEST_WEIGHT); // of NaN: 0
        total += weights[i];
      }
      for (int i = 0; i < count; i++) {
        int share = total == 0 ? 0 : (int) ((double) weights[i] / total * LARGEST_WEIGHT);
        scratch.best[i] = Math.max(scratch.best[i], share);
      }
      long wanted = (long) Math.ceil(pruning.share() * total);
      int threshold = 0;
      int fixed = 0; // mask of the leading bits of the threshold that are known
      long above = 0; // sum of the weights above the threshold
      for (int shift = 24; shift >= 0 && wanted > 0; shift -= 8) {
        Arrays.fill(scratch.sums, 0);
        for (int i = 0; i < count; i++) {
          if ((weights[i] & fixed) == threshold) {
            scratch.sums[weights[i] >>> shift & 0xff] += weights[i];
          }
        }
        int digit = 255;
        while (above + scratch.sums[digit] < wanted) {
          above += scratch.sums[digit--];
        }
        threshold |= digit << shift;
        fixed |= 0xff << shift;
      }
      for (int i = 0; i < count; i++) {
        if (weights[i] > threshold) {
          scratch.kept[i] = true;
        } else if (weights[i] == threshold && above < wanted) {
          scratch.kept[i] = true;
          above += threshold;
        }
      }
    }

    /** Adds what is always kept, and keeps to floor and ceiling by the tokens' best shares. */
    private void bound(int position, int count, Scratch scratch) {
      int kept = 0;
      for (int i = 0; i < count; i++) {
        if (pruning.always(scratch.tokens[i], position)) {
          scratch.best[i] = ALWAYS;
          scratch.kept[i] = true;
        }
        kept += scratch.kept[i] ? 1 : 0;
      }
      int least = Math.min(count, pruning.floor());
      if (kept < least) {
        for (int i = 0; i < count; i++) {
          scratch.best[i] = scratch.kept[i] ? ALWAYS : scratch.best[i];
        }
        keepBest(least, count, scratch);
      } else if (pruning.ceiling() > 0 && kept > pruning.ceiling()) {
        for (int i = 0; i < count; i++) {
          scratch.best[i] = scratch.kept[i] ? scratch.best[i] : NEVER;
        }
        keepBest(pruning.ceiling(), count, scratch);
      }
    }

    /** Keeps what is always kept, and of the rest the best until so many are kept. */
    private void keepBest(int wanted, int count, Scratch scratch) {
      int[] order = scratch.weights;
      System.arraycopy(scratch.best, 0, order, 0, count);
      Arrays.sort(order, 0, count);
      int threshold = order[count - wanted];
      int ties = wanted;
      for (int i = 0; i < count; i++) {
        ties -= scratch.best[i] > threshold ? 1 : 0;
      }
      for (int i = 0; i < count; i++) {
        boolean always = scratch.best[i] == ALWAYS;
        boolean tie = scratch.best[i] == threshold && ties-- > 0;
        scratch.kept[i] = always || scratch.best[i] > threshold || tie;
      }
    }
  }
}
