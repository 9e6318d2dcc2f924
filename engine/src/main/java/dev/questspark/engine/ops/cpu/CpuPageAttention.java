package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Tensor;
import java.util.Arrays;

/**
 * attendPages and mergeAttention. One task per (row, KV head): the group's query heads share each
 * page while it is in the first-level cache. Pages are folded in list order, so the bits depend on
 * the list alone, not on who made it.
 */
final class CpuPageAttention {
  private final Workers workers;
  private final OnlineSoftmax[] softmax;

  CpuPageAttention(Workers workers) {
    this.workers = workers;
    this.softmax = new OnlineSoftmax[workers.threads()];
    Arrays.setAll(softmax, i -> new OnlineSoftmax());
  }

  void attendPages(
      Tensor out,
      Tensor logSumExp,
      Tensor q,
      KvLayer kv,
      LoadedBatch loaded,
      RowRange rows,
      PageList pageList,
      float scale) {
    CpuBatch batch = CpuBatch.of(loaded, rows);
    CpuKvPages pages = new CpuKvPages(kv);
    CpuPageList list = CpuPageList.of(pageList, rows.count(), pages.kvHeads);
    int queryHeads = Shapes.queryHeads(q, kv);
    Shapes.require("q", q, rows.to(), q.cols());
    Shapes.require("out", out, rows.to(), q.cols());
    Shapes.require("logSumExp", logSumExp, rows.to(), queryHeads);
    int group = queryHeads / pages.kvHeads;
    float[] sums = HeapFloats.of(logSumExp);
    workers.run(
        rows.count() * pages.kvHeads,
        64L * pages.pageFloats(),
        (task, worker) -> {
          int row = rows.from() + task / pages.kvHeads;
          int head = task % pages.kvHeads;
          OnlineSoftmax states = softmax[worker];
          attend(out, q, pages, batch, row, head, group, list, task, states, scale);
          int target = HeapFloats.at(out, row) + head * group * pages.headDim;
          int sumAt = HeapFloats.at(logSumExp, row) + head * group;
          for (int g = 0; g < group; g++) {
            sums[sumAt + g] =
                states.finish(g, HeapFloats.of(out), target + g * pages.headDim, pages.headDim);
          }
        });
  }

  /** Folds the listed pages of one (row, KV head) into the states of its query heads. */
  private static void attend(
      Tensor out,
      Tensor q,
      CpuKvPages pages,
      CpuBatch batch,
      int row,
      int head,
      int group,
      CpuPageList list,
      int task,
      OnlineSoftmax states,
      float scale) {
    int headDim = pages.headDim;
    float[] outs = HeapFloats.of(out);
    float[] queries = HeapFloats.of(q);
    int target = HeapFloats.at(out, row) + head * group * headDim;
    int query = HeapFloats.at(q, row) + head * group * headDim;
    Arrays.fill(outs, target, target + group * headDim, 0f);
    states.reset(group, pages.pageSize);
    int position = batch.position(row);
    int firstVisible = pages.firstVisible(position);
    int from = list.start(task);
    int count = list.count(task);
    long tokens = 0;
    for (int i = from; i < from + count; i++) {
      int logical = list.pages()[i];
      int start = logical * pages.pageSize;
      int first = Math.max(0, firstVisible - start);
      int last = Math.min(pages.pageSize, position + 1 - start);
      if (first >= last) {
        throw new IllegalArgumentException(
            "page "
                + logical
                + " listed for row "
                + row
                + " at position "
                + position
                + " holds nothing that the row sees");
      }
      int page = batch.page(row, logical);
      for (int g = 0; g < group; g++) {
        int channel = g * headDim;
        states.fold(
            g,
            queries,
            query + channel,
            outs,
            target + channel,
            pages,
            page,
            head,
            first,
            last,
            scale);
      }
      tokens += last - first;
    }
    batch.countAttended(row, count, tokens);
  }

  void mergeAttention(Tensor out, Tensor logSumExp, Tensor otherOut, Tensor otherLogSumExp) {
    int heads = logSumExp.cols();
    int headDim = out.cols() / heads;
    Shapes.require("out", out, logSumExp.rows(), heads * headDim);
    Shapes.require("otherOut", otherOut, logSumExp.rows(), out.cols());
    Shapes.require("otherLogSumExp", otherLogSumExp, logSumExp.rows(), heads);
    float[] sums = HeapFloats.of(logSumExp);
    float[] otherSums = HeapFloats.of(otherLogSumExp);
    workers.run(
        logSumExp.rows(),
        2L * out.cols(),
        (row, worker) -> {
          for (int head = 0; head < heads; head++) {
            int at = HeapFloats.at(logSumExp, row) + head;
            float a = sums[at];
            float b = otherSums[HeapFloats.at(otherLogSumExp, row) + head];
            float max = Math.max(a, b);
            if (max == Float.NEGATIVE_INFINITY) {
              continue; // both empty
            }
            double sum = Math.exp(a - max) + Math.exp(b - max);
            blend(
                HeapFloats.of(out),
                HeapFloats.at(out, row) + head * headDim,
                (float) (Math.exp(a - max) / sum),
                HeapFloats.of(otherOut),
                HeapFloats.at(otherOut, row) + head * headDim,
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
