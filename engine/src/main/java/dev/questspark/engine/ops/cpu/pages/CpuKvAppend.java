package dev.questspark.engine.ops.cpu.pages;

import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import dev.questspark.engine.ops.digest.PageScore;
import java.util.Map;

/** The ops that write the cache: appendKv and copyPages. */
public final class CpuKvAppend {
  private final Workers workers;
  private final SimdOps[] simd;
  private final float[][] keys; // a worker's block of keys
  private final float[][] pairs; // a worker's digest pair before it is rounded

  public CpuKvAppend(Workers workers, SimdOps[] simd) {
    this.workers = workers;
    this.simd = simd;
    this.keys = new float[workers.threads()][0];
    this.pairs = new float[workers.threads()][0];
  }

  public void appendKv(KvLayer kv, Tensor q, Tensor k, Tensor v, Tensor rope, LoadedBatch loaded) {
    CpuBatch batch = CpuBatch.of(loaded);
    CpuKvPages pages = new CpuKvPages(kv);
    int queryHeads = OpArguments.queryHeads(q, kv);
    OpArguments.require("q", q, batch.rows(), q.cols());
    OpArguments.require("k", k, batch.rows(), pages.kvHeads * pages.headDim);
    OpArguments.require("v", v, batch.rows(), pages.kvHeads * pages.headDim);
    OpArguments.require("rope", rope, 0, pages.headDim);
    CpuInt4Keys int4Keys = kv.int4Keys().isPresent() ? new CpuInt4Keys(kv) : null;
    workers.run(
        batch.rows(),
        4L * q.cols(),
        (row, worker) -> {
          rotate(q, row, queryHeads, rope, batch.ropePosition(row));
          rotate(k, row, pages.kvHeads, rope, batch.ropePosition(row));
          store(pages, int4Keys, k, v, row, batch);
        });
    for (Map.Entry<PageScore, Tensor> digest : kv.digests().entrySet()) {
      refresh(new CpuDigests(digest.getKey(), digest.getValue(), pages), batch.host());
    }
  }

  /** Rotates each head of one row: channel i with i + D/2, by the angle of a position. */
  private static void rotate(Tensor x, int row, int heads, Tensor rope, int position) {
    if (position >= rope.rows()) {
      throw new IllegalArgumentException(
          "position " + position + " of row " + row + "; the rotary table has " + rope.rows());
    }
    int half = rope.cols() / 2;
    float[] channels = HeapBuffer.floats(x);
    float[] table = HeapBuffer.floats(rope);
    int cos = HeapBuffer.at(rope, position);
    int sin = cos + half;
    for (int head = 0; head < heads; head++) {
      int low = HeapBuffer.at(x, row) + head * 2 * half;
      int high = low + half;
      for (int i = 0; i < half; i++) {
        float a = channels[low + i];
        float b = channels[high + i];
        channels[low + i] = a * table[cos + i] - b * table[sin + i];
        channels[high + i] = b * table[cos + i] + a * table[sin + i];
      }
    }
  }

  private static void store(
      CpuKvPages pages, CpuInt4Keys int4Keys, Tensor k, Tensor v, int row, CpuBatch batch) {
    int position = batch.position(row);
    int page = batch.page(row, position / pages.pageSize);
    int slot = position % pages.pageSize;
    float[] key = HeapBuffer.floats(k);
    float[] value = HeapBuffer.floats(v);
    int source = HeapBuffer.at(k, row);
    int valueSource = HeapBuffer.at(v, row);
    for (int head = 0; head < pages.kvHeads; head++) {
      int channel = head * pages.headDim;
      pages.store(page, head, slot, key, source + channel, value, valueSource + channel);
      if (int4Keys != null) {
        int4Keys.store(page, head, slot, key, source + channel);
      }
    }
  }

  /** Recomputes the digest of every block that a span wrote to, from all its keys present. */
  private void refresh(CpuDigests digests, RaggedBatch batch) {
    CpuKvPages pages = digests.pages();
    int blockSize = pages.blockSize;
    int blocksPerPage = pages.pageSize / blockSize;
    for (int i = 0; i < pairs.length; i++) {
      pairs[i] = pairs[i].length < 2 * pages.headDim ? new float[2 * pages.headDim] : pairs[i];
      keys[i] = keys[i].length < pages.blockFloats() ? new float[pages.blockFloats()] : keys[i];
    }
    for (int span = 0; span < batch.spans(); span++) {
      int fromRow = batch.spanRows()[span];
      int toRow = batch.spanRows()[span + 1];
      if (fromRow == toRow) {
        continue;
      }
      int firstBlock = batch.positions()[fromRow] / blockSize;
      int lastPosition = batch.positions()[toRow - 1];
      int touched = lastPosition / blockSize - firstBlock + 1;
      int table = batch.spanPages()[span];
      workers.run(
          touched,
          2L * pages.blockFloats() * pages.kvHeads,
          (i, worker) -> {
            int logical = firstBlock + i;
            int page = batch.pageTable()[table + logical / blocksPerPage];
            int tokens = Math.min(blockSize, lastPosition + 1 - logical * blockSize);
            digests.recompute(
                page, logical % blocksPerPage, tokens, keys[worker], pairs[worker], simd[worker]);
          });
    }
  }

  public void copyPages(KvLayer kv, int[] from, int[] to) {
    if (from.length != to.length) {
      throw new IllegalArgumentException(
          "copyPages from " + from.length + " pages to " + to.length);
    }
    CpuKvPages pages = new CpuKvPages(kv);
    for (int i = 0; i < from.length; i++) {
      pages.copy(from[i], to[i]);
    }
    if (kv.int4Keys().isPresent()) {
      CpuInt4Keys int4Keys = new CpuInt4Keys(kv);
      for (int i = 0; i < from.length; i++) {
        int4Keys.copy(from[i], to[i]);
      }
    }
    for (Map.Entry<PageScore, Tensor> digest : kv.digests().entrySet()) {
      CpuDigests digests = new CpuDigests(digest.getKey(), digest.getValue(), pages);
      for (int i = 0; i < from.length; i++) {
        digests.copy(from[i], to[i]);
      }
    }
  }
}
