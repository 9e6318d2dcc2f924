package dev.questspark.engine.ops.cpu.prefix;

import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.pages.CpuDigests;
import dev.questspark.engine.ops.cpu.pages.CpuKvPages;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.ops.prefix.KeptSlots;
import dev.questspark.engine.ops.prefix.PrefixGeometry;
import dev.questspark.engine.ops.prefix.PrefixPages;
import dev.questspark.engine.ops.prefix.PrefixTable;
import java.util.Arrays;
import java.util.Map;

/** compressPages: a task is one page of the prefix store. */
final class CpuCompression {
  private static final int SLOTS = PrefixGeometry.SLOTS;

  private final Workers workers;
  private final SimdOps[] simd;

  CpuCompression(Workers workers, SimdOps[] simd) {
    this.workers = workers;
    this.simd = simd;
  }

  void compressPages(
      PrefixPages prefix,
      PrefixTable table,
      KvLayer kv,
      int layer,
      int[] livePages,
      KeptSlots kept) {
    CpuPrefixPages target = new CpuPrefixPages(prefix);
    CpuKvPages source = new CpuKvPages(kv);
    Map<PageScore, CpuDigests[]> digests = PageScores.map();
    prefix.slabs().get(0).digests().keySet().forEach(s -> digests.put(s, target.digests(s)));
    int kvHeads = table.kvHeads();
    int first = table.firstPage()[layer * kvHeads];
    int end = table.firstPage()[(layer + 1) * kvHeads];
    float[][] scratch = new float[workers.threads()][];
    workers.run(
        end - first,
        8L * SLOTS * target.headDim,
        (task, worker) -> {
          if (scratch[worker] == null) {
            scratch[worker] = new float[2 * SLOTS * target.headDim + 2 * target.headDim];
          }
          int place = first + task;
          int head = 0;
          while (table.firstPage()[layer * kvHeads + head + 1] <= place) {
            head++;
          }
          int from = (place - table.firstPage()[layer * kvHeads + head]) * SLOTS;
          int[] positions = kept.list(layer * kvHeads + head);
          if (positions.length != table.slots(layer, head)) {
            throw new IllegalArgumentException(
                "layer "
                    + layer
                    + ", KV head "
                    + head
                    + " keeps "
                    + positions.length
                    + " tokens in "
                    + table.slots(layer, head)
                    + " slots");
          }
          int count = Math.min(SLOTS, positions.length - from);
          write(target, table.pages()[place], source, livePages, head, positions, from, count);
          digest(target, table.pages()[place], count, digests, scratch[worker], simd[worker]);
        });
  }

  private static void write(
      CpuPrefixPages target,
      int page,
      CpuKvPages source,
      int[] livePages,
      int head,
      int[] positions,
      int from,
      int count) {
    int headDim = target.headDim;
    float[] keys = new float[SLOTS * headDim];
    float[] values = new float[SLOTS * headDim];
    for (int slot = 0; slot < count; slot++) {
      int position = positions[from + slot];
      int live = livePages[position / source.pageSize];
      int inPage = position % source.pageSize;
      source.readKey(live, head, inPage, keys, slot, SLOTS);
      source.readValue(live, head, inPage, values, slot * headDim);
    }
    target.write(page, keys, values, count);
  }

  /** Makes the digests of what is stored. */
  private static void digest(
      CpuPrefixPages pages,
      int page,
      int count,
      Map<PageScore, CpuDigests[]> digests,
      float[] scratch,
      SimdOps simd) {
    int headDim = pages.headDim;
    int tile = pages.tile;
    float[] pair = new float[2 * headDim];
    for (int t = 0; t * tile < count; t++) {
      Arrays.fill(scratch, 0f);
      pages.readKeys(page, t, 1, scratch, 0, simd);
      int tokens = Math.min(tile, count - t * tile);
      for (Map.Entry<PageScore, CpuDigests[]> each : digests.entrySet()) {
        each.getKey().digest(pair, scratch, headDim, tile, tokens);
        CpuDigests slab = each.getValue()[pages.slab(page)];
        slab.write(pair, slab.pairAt(pages.inSlab(page) * pages.geometry.tiles() + t, 0));
      }
    }
  }
}
