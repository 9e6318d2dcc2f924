package dev.questspark.engine.ops.cpu.attention;

import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.pages.CpuBatch;
import dev.questspark.engine.ops.cpu.pages.CpuKvPages;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import java.util.Arrays;

/**
 * columnMass, some rows at a time: first each row's softmax, a task per (row, KV head), then the
 * sums over rows, a task per query head. A column adds its rows one by one in their order, so its
 * bits depend neither on how many are taken at a time nor on how the rows were cut into steps.
 */
public final class CpuColumnMass {
  /** Floats of the weights of the rows taken at a time: 16 MiB, unless one row has more. */
  private static final int FLOATS_AT_ONCE = 1 << 22;

  private final Workers workers;
  private final SimdOps[] simd;
  private final float[][] widened; // keys of a page, of each worker
  private float[] weights = new float[0]; // (rows at a time, Hq, keys)
  private float[] inverse = new float[0]; // (rows at a time, Hq): 1 / sum of a row's weights

  public CpuColumnMass(Workers workers, SimdOps[] simd) {
    this.workers = workers;
    this.simd = simd;
    this.widened = new float[workers.threads()][0];
  }

  /** The arguments of one call of the op, and the keys that a row of weights has room for. */
  private record Call(
      Tensor logSumExp,
      Tensor q,
      CpuKvPages pages,
      CpuBatch batch,
      int group,
      int room,
      float scale,
      float cap) {

    int heads() {
      return pages.kvHeads * group;
    }

    /** Where the weights of a query head of the {@code i}-th row stand. */
    int weightsAt(int i, int head) {
      return (i * heads() + head) * room;
    }
  }

  public void columnMass(
      Tensor mass,
      Tensor logSumExp,
      Tensor q,
      KvLayer kv,
      LoadedBatch loaded,
      RowRange rows,
      float scale,
      float cap,
      boolean add) {
    CpuBatch batch = CpuBatch.of(loaded, rows);
    CpuKvPages pages = new CpuKvPages(kv);
    int heads = OpArguments.queryHeads(q, kv);
    OpArguments.require("q", q, rows.to(), q.cols());
    OpArguments.require("logSumExp", logSumExp, rows.to(), heads);
    OpArguments.require("mass", mass, heads, mass.cols());
    if (!add) {
      for (int head = 0; head < heads; head++) {
        int at = HeapBuffer.at(mass, head);
        Arrays.fill(HeapBuffer.floats(mass), at, at + mass.cols(), 0f);
      }
    }
    int longest = 0;
    for (int row = rows.from(); row < rows.to(); row++) {
      longest = Math.max(longest, batch.position(row) + 1);
    }
    int room = (longest + pages.pageSize - 1) / pages.pageSize * pages.pageSize;
    Call call = new Call(logSumExp, q, pages, batch, heads / pages.kvHeads, room, scale, cap);
    int perRow = Math.multiplyExact(heads, Math.max(1, room));
    int atOnce = Math.max(1, Math.min(rows.count(), FLOATS_AT_ONCE / perRow));
    if (weights.length < Math.multiplyExact(atOnce, perRow)) {
      weights = new float[atOnce * perRow];
    }
    if (inverse.length < atOnce * heads) {
      inverse = new float[atOnce * heads];
    }
    for (int from = rows.from(); from < rows.to(); from += atOnce) {
      int first = from;
      int count = Math.min(atOnce, rows.to() - from);
      workers.run(
          count * pages.kvHeads,
          2L * call.group * room * pages.headDim,
          (task, worker) -> weigh(call, task / pages.kvHeads, first, task % pages.kvHeads, worker));
      workers.run(
          heads, 2L * count * room, (head, worker) -> addRows(call, mass, first, count, head));
    }
  }

  /** exp(logit - largest) of the keys that row {@code first + i} sees, for a group's heads. */
  private void weigh(Call call, int i, int first, int kvHead, int worker) {
    CpuKvPages pages = call.pages;
    int row = first + i;
    int position = call.batch.position(row);
    int firstVisible = pages.firstVisible(position);
    int firstHead = kvHead * call.group;
    int query = HeapBuffer.at(call.q, row) + firstHead * pages.headDim;
    float[] keys = pages.keyFloats();
    if (keys == null && widened[worker].length < pages.pageFloats()) {
      widened[worker] = new float[pages.pageFloats()];
    }
    for (int page = firstVisible / pages.pageSize; page <= position / pages.pageSize; page++) {
      int at = pages.keyAt(call.batch.page(row, page), kvHead);
      if (keys == null) {
        pages.readKeys(at, widened[worker], 0, pages.pageFloats(), simd[worker]);
      }
      simd[worker].tileLogits(
          weights,
          call.weightsAt(i, firstHead) + page * pages.pageSize,
          call.room,
          HeapBuffer.floats(call.q),
          query,
          call.group,
          keys == null ? widened[worker] : keys,
          keys == null ? 0 : at,
          pages.headDim,
          pages.blockSize,
          pages.pageSize / pages.blockSize,
          call.scale);
    }
    int seen = position + 1 - firstVisible;
    for (int head = firstHead; head < firstHead + call.group; head++) {
      int at = call.weightsAt(i, head) + firstVisible;
      if (call.cap != 0) {
        SoftCap.apply(weights, at, seen, call.cap);
      }
      float largest = simd[worker].max(weights, at, seen);
      float sum = simd[worker].exponentiate(weights, at, seen, largest);
      inverse[i * call.heads() + head] = 1 / sum;
      HeapBuffer.floats(call.logSumExp)[HeapBuffer.at(call.logSumExp, row) + head] =
          (float) (largest + Math.log(sum));
    }
  }

  /** Adds the softmax of one query head over rows [first, first + count), row by row. */
  private void addRows(Call call, Tensor mass, int first, int count, int head) {
    float[] sums = HeapBuffer.floats(mass);
    int at = HeapBuffer.at(mass, head);
    for (int i = 0; i < count; i++) {
      int position = call.batch.position(first + i);
      int end = Math.min(mass.cols(), position + 1);
      int source = call.weightsAt(i, head);
      float factor = inverse[i * call.heads() + head];
      for (int key = call.pages.firstVisible(position); key < end; key++) {
        sums[at + key] += weights[source + key] * factor;
      }
    }
  }
}
