package dev.questspark.engine.ops.cpu.attention;

import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.pages.CpuBatch;
import dev.questspark.engine.ops.cpu.pages.CpuKvPages;
import dev.questspark.engine.ops.cpu.pages.CpuPageList;
import dev.questspark.engine.ops.cpu.simd.ScalarMath;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import java.util.Arrays;

/**
 * attendPages and mergeAttention. A task is one chunk of the page list of one (row, KV head), so
 * that a single long sequence still occupies every worker; chunks are then merged in order. Units
 * are folded in list order, and chunks and their parts are counted in tokens from the start of the
 * page of the list's first unit. So the bits depend on the positions listed alone, not on who made
 * the list nor on the size of its units nor on the number of workers.
 */
public final class CpuPageAttention {
  /** Tokens of a chunk: enough to dwarf the merge, few enough to share 1,024 tokens of a budget. */
  private static final int CHUNK_TOKENS = 512;

  private final Workers workers;
  private final OnlineSoftmax[] softmax;
  private final PageBlock[] blocks;
  private int[] firstTask = new int[0]; // of each list, and the end
  private int[] listOfTask = new int[0];
  private float[] partial = new float[0]; // (tasks, G * D): outputs of lists of several chunks
  private float[] max = new float[0]; // (tasks, G)
  private float[] sum = new float[0]; // (tasks, G)

  public CpuPageAttention(Workers workers, SimdOps[] simd) {
    this.workers = workers;
    this.softmax = new OnlineSoftmax[workers.threads()];
    this.blocks = new PageBlock[workers.threads()];
    Arrays.setAll(softmax, i -> new OnlineSoftmax(simd[i]));
    Arrays.setAll(blocks, i -> new PageBlock(simd[i]));
  }

  /** The arguments of one call of the op. */
  private record Call(
      Tensor out,
      Tensor logSumExp,
      Tensor q,
      CpuKvPages pages,
      CpuBatch batch,
      RowRange rows,
      CpuPageList list,
      int group,
      float scale,
      float cap) {

    int row(int listIndex) {
      return rows.from() + listIndex / pages.kvHeads;
    }

    int head(int listIndex) {
      return listIndex % pages.kvHeads;
    }

    int unitsPerPage() {
      return pages.pageSize / list.unit();
    }

    /** Units of the page of a list's first unit that come before it. */
    int lead(int listIndex) {
      return list.count(listIndex) == 0
          ? 0
          : list.entries()[list.start(listIndex)] % unitsPerPage();
    }

    int outAt(int listIndex) {
      return HeapBuffer.at(out, row(listIndex)) + head(listIndex) * group * pages.headDim;
    }

    int sumAt(int listIndex) {
      return HeapBuffer.at(logSumExp, row(listIndex)) + head(listIndex) * group;
    }
  }

  public void attendPages(
      Tensor out,
      Tensor logSumExp,
      Tensor q,
      KvLayer kv,
      LoadedBatch loaded,
      RowRange rows,
      PageList pageList,
      float scale,
      float cap) {
    CpuBatch batch = CpuBatch.of(loaded, rows);
    CpuKvPages pages = new CpuKvPages(kv);
    CpuPageList list = CpuPageList.of(pageList, rows.count(), pages.kvHeads);
    int queryHeads = OpArguments.queryHeads(q, kv);
    OpArguments.require("q", q, rows.to(), q.cols());
    OpArguments.require("out", out, rows.to(), q.cols());
    OpArguments.require("logSumExp", logSumExp, rows.to(), queryHeads);
    int group = queryHeads / pages.kvHeads;
    Call call = new Call(out, logSumExp, q, pages, batch, rows, list, group, scale, cap);
    int lists = rows.count() * pages.kvHeads;
    int chunkUnits = Math.max(1, CHUNK_TOKENS / pages.pageSize) * call.unitsPerPage();
    int tasks = cut(call, lists, chunkUnits);
    growPartial(tasks, group, group * pages.headDim);
    long cost = 2L * group * Math.min(CHUNK_TOKENS, pages.pageSize * 8L) * pages.headDim;
    workers.run(tasks, cost, (task, worker) -> attend(call, task, chunkUnits, worker));
    if (tasks > lists) {
      workers.run(
          lists,
          (long) tasks / lists * group * pages.headDim,
          (listIndex, worker) -> mergeChunks(call, listIndex));
    }
  }

  /** Numbers the chunks of all lists one after the other; returns how many there are. */
  private int cut(Call call, int lists, int chunkUnits) {
    if (firstTask.length < lists + 1) {
      firstTask = new int[lists + 1];
    }
    int tasks = 0;
    for (int i = 0; i < lists; i++) {
      firstTask[i] = tasks;
      int units = call.lead(i) + call.list.count(i);
      tasks += Math.max(1, (units + chunkUnits - 1) / chunkUnits);
    }
    firstTask[lists] = tasks;
    if (listOfTask.length < tasks) {
      listOfTask = new int[Math.max(tasks, 2 * listOfTask.length)];
    }
    for (int i = 0; i < lists; i++) {
      Arrays.fill(listOfTask, firstTask[i], firstTask[i + 1], i);
    }
    return tasks;
  }

  private void growPartial(int tasks, int group, int floats) {
    if (partial.length < tasks * floats) {
      partial = new float[Math.max(tasks * floats, 2 * partial.length)];
    }
    if (max.length < tasks * group) {
      max = new float[Math.max(tasks * group, 2 * max.length)];
      sum = new float[max.length];
    }
  }

  /** Folds one chunk's units into the states of the group's query heads. */
  private void attend(Call call, int task, int chunkUnits, int worker) {
    CpuKvPages pages = call.pages;
    int listIndex = listOfTask[task];
    boolean whole = firstTask[listIndex + 1] - firstTask[listIndex] == 1;
    int row = call.row(listIndex);
    int floats = call.group * pages.headDim;
    float[] outs = whole ? HeapBuffer.floats(call.out) : partial;
    int target = whole ? call.outAt(listIndex) : task * floats;
    Arrays.fill(outs, target, target + floats, 0f);
    OnlineSoftmax states = softmax[worker];
    states.reset(call.group);
    int query = HeapBuffer.at(call.q, row) + call.head(listIndex) * floats;
    int position = call.batch.position(row);
    int firstVisible = pages.firstVisible(position);
    int lead = call.lead(listIndex);
    int from = (task - firstTask[listIndex]) * chunkUnits;
    int to = Math.min(lead + call.list.count(listIndex), from + chunkUnits);
    int blockUnits = PageBlock.fullPages(pages.pageSize) * call.unitsPerPage();
    PageBlock block = blocks[worker];
    long tokens = 0;
    for (int at = from; at < to; at += blockUnits) {
      block.clear(pages, call.list.unit(), Math.max(0, lead - at));
      for (int i = Math.max(lead, at); i < Math.min(to, at + blockUnits); i++) {
        tokens += add(block, call, listIndex, i - lead, firstVisible, position);
      }
      block.load();
      states.fold(
          0,
          call.group,
          HeapBuffer.floats(call.q),
          query,
          outs,
          target,
          block,
          firstVisible,
          position,
          call.scale,
          call.cap);
    }
    call.batch.countAttended(row, to - Math.max(lead, from), tokens);
    for (int g = 0; g < call.group; g++) {
      if (whole) {
        int head = target + g * pages.headDim;
        float logSum = states.finish(g, outs, head, pages.headDim);
        HeapBuffer.floats(call.logSumExp)[call.sumAt(listIndex) + g] = logSum;
      } else {
        max[task * call.group + g] = states.max(g);
        sum[task * call.group + g] = states.sum(g);
      }
    }
  }

  /** Adds entry {@code i} of a list to a block; returns how many of its tokens the row sees. */
  private static int add(
      PageBlock block, Call call, int listIndex, int i, int firstVisible, int position) {
    CpuKvPages pages = call.pages;
    int row = call.row(listIndex);
    int unit = call.list.unit();
    int entry = call.list.entries()[call.list.start(listIndex) + i];
    int start = entry * unit;
    int visible = Math.min(unit, position + 1 - start) - Math.max(0, firstVisible - start);
    if (visible <= 0) {
      throw new IllegalArgumentException(
          "unit "
              + entry
              + " of "
              + unit
              + " tokens listed for row "
              + row
              + " at position "
              + position
              + " holds nothing that the row sees");
    }
    block.add(call.batch.page(row, start / pages.pageSize), call.head(listIndex), start);
    return visible;
  }

  /** out = sum of exp(max_i - max) out_i over the chunks, and the sums alike; then out / sum. */
  private void mergeChunks(Call call, int listIndex) {
    int from = firstTask[listIndex];
    int to = firstTask[listIndex + 1];
    if (to - from == 1) {
      return;
    }
    int headDim = call.pages.headDim;
    float[] outs = HeapBuffer.floats(call.out);
    for (int g = 0; g < call.group; g++) {
      float largest = max[from * call.group + g];
      for (int task = from + 1; task < to; task++) {
        largest = Math.max(largest, max[task * call.group + g]);
      }
      int target = call.outAt(listIndex) + g * headDim;
      Arrays.fill(outs, target, target + headDim, 0f);
      float total = 0;
      for (int task = from; task < to; task++) {
        int state = task * call.group + g;
        float factor = ScalarMath.exp(max[state] - largest);
        total = Math.fma(factor, sum[state], total);
        ScalarMath.axpy(outs, target, factor, partial, state * headDim, headDim);
      }
      HeapBuffer.floats(call.logSumExp)[call.sumAt(listIndex) + g] =
          OnlineSoftmax.finish(largest, total, outs, target, headDim);
    }
  }

  public void mergeAttention(Tensor out, Tensor logSumExp, Tensor otherOut, Tensor otherLogSumExp) {
    int heads = logSumExp.cols();
    int headDim = out.cols() / heads;
    OpArguments.require("out", out, logSumExp.rows(), heads * headDim);
    OpArguments.require("otherOut", otherOut, logSumExp.rows(), out.cols());
    OpArguments.require("otherLogSumExp", otherLogSumExp, logSumExp.rows(), heads);
    float[] sums = HeapBuffer.floats(logSumExp);
    float[] otherSums = HeapBuffer.floats(otherLogSumExp);
    workers.run(
        logSumExp.rows(),
        2L * out.cols(),
        (row, worker) -> {
          for (int head = 0; head < heads; head++) {
            int at = HeapBuffer.at(logSumExp, row) + head;
            float a = sums[at];
            float b = otherSums[HeapBuffer.at(otherLogSumExp, row) + head];
            float max = Math.max(a, b);
            if (max == Float.NEGATIVE_INFINITY) {
              continue; // both empty
            }
            double sum = Math.exp(a - max) + Math.exp(b - max);
            blend(
                HeapBuffer.floats(out),
                HeapBuffer.at(out, row) + head * headDim,
                (float) (Math.exp(a - max) / sum),
                HeapBuffer.floats(otherOut),
                HeapBuffer.at(otherOut, row) + head * headDim,
                (float) (Math.exp(b - max) / sum),
                headDim);
            sums[at] = (float) (max + Math.log(sum));
          }
        });
  }

  private static void blend(
      float[] y, int yFrom, float keep, float[] x, int xFrom, float take, int count) {
    for (int i = 0; i < count; i++) {
      y[yFrom + i] = keep * y[yFrom + i] + take * x[xFrom + i];
    }
  }
}
