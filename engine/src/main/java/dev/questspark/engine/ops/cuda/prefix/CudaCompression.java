package dev.questspark.engine.ops.cuda.prefix;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.cuda.driver.DeviceBuffer;
import dev.questspark.engine.ops.cuda.driver.KernelFamily;
import dev.questspark.engine.ops.cuda.driver.PrefixKernels;
import dev.questspark.engine.ops.cuda.step.Launch;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.ops.prefix.KeptSlots;
import dev.questspark.engine.ops.prefix.PrefixGeometry;
import dev.questspark.engine.ops.prefix.PrefixPages;
import dev.questspark.engine.ops.prefix.PrefixTable;
import java.util.IdentityHashMap;
import java.util.Map;

/** compressPages: one launch a layer, behind an upload of what goes where. */
final class CudaCompression implements AutoCloseable {
  /** Integers of a page's job. */
  private static final int JOB = 4;

  private final Launch launch;
  private final DeviceInts work;

  CudaCompression(Launch launch, DeviceInts work) {
    this.launch = launch;
    this.work = work;
  }

  void compressPages(
      PrefixPages prefix,
      PrefixTable table,
      KvLayer kv,
      int layer,
      int[] livePages,
      KeptSlots kept) {
    PrefixGeometry store = prefix.geometry();
    KvGeometry live = kv.geometry();
    PrefixPages.Slab slab = CudaPrefixOps.slab(prefix);
    int firstHead = layer * table.kvHeads();
    int firstPage = table.firstPage()[firstHead];
    int pages = table.firstPage()[firstHead + table.kvHeads()] - firstPage;
    int keptAt = JOB * pages + livePages.length;
    int[] ints = new int[keptAt + keptTokens(kept, firstHead, table)];
    System.arraycopy(livePages, 0, ints, JOB * pages, livePages.length);
    Map<int[], Integer> places = new IdentityHashMap<>();
    int end = keptAt;
    int job = 0;
    for (int head = 0; head < table.kvHeads(); head++) {
      int[] positions = kept.list(firstHead + head);
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
      Integer place = places.get(positions);
      if (place == null) {
        place = end - keptAt;
        places.put(positions, place);
        System.arraycopy(positions, 0, ints, end, positions.length);
        end += positions.length;
      }
      for (int from = 0; from < positions.length; from += PrefixGeometry.SLOTS) {
        ints[job++] = table.page(layer, head, from / PrefixGeometry.SLOTS);
        ints[job++] = head;
        ints[job++] = place + from;
        ints[job++] = Math.min(PrefixGeometry.SLOTS, positions.length - from);
      }
    }
    work.reserve(ints.length);
    work.write(0, ints, end);
    KernelFamily family =
        store.digestDType() == DType.I8
            ? PrefixKernels.COMPRESS_PAGES_I8
            : PrefixKernels.COMPRESS_PAGES;
    launch
        .of(family.of(live.dtype()))
        .outBytes(DeviceBuffer.addressOf(slab.pages()))
        .outOrNull(slab.digests().get(PageScores.MINMAX))
        .outOrNull(slab.digests().get(PageScores.MEANSTD))
        .in(kv.keys())
        .in(kv.values())
        .inInts(work.address())
        .inInts(work.address() + 4L * JOB * pages)
        .inInts(work.address() + 4L * keptAt)
        .integer(live.kvHeads())
        .integer(live.headDim())
        .integer(live.pageSize())
        .integer(store.tile())
        .integer(store.format().keyBits())
        .integer(store.format().valueBits())
        .grid(pages, 1, 1, 128, 2 * 4 * PrefixGeometry.SLOTS * live.headDim());
  }

  /** Tokens of the different lists of a layer. */
  private static int keptTokens(KeptSlots kept, int firstHead, PrefixTable table) {
    Map<int[], Boolean> lists = new IdentityHashMap<>();
    for (int head = 0; head < table.kvHeads(); head++) {
      lists.put(kept.list(firstHead + head), true);
    }
    return lists.keySet().stream().mapToInt(list -> list.length).sum();
  }

  @Override
  public void close() {
    work.close();
  }
}
