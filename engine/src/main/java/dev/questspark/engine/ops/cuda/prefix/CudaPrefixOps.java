package dev.questspark.engine.ops.cuda.prefix;

import static dev.questspark.engine.ops.cuda.driver.CudaShapes.ceilDiv;

import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Scoring;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cuda.driver.CudaContext;
import dev.questspark.engine.ops.cuda.driver.CudaStream;
import dev.questspark.engine.ops.cuda.driver.DevicePool;
import dev.questspark.engine.ops.cuda.driver.LaunchRecorder;
import dev.questspark.engine.ops.cuda.driver.PrefixKernels;
import dev.questspark.engine.ops.cuda.step.AttentionWorkspace;
import dev.questspark.engine.ops.cuda.step.CudaBatch;
import dev.questspark.engine.ops.cuda.step.CudaPageList;
import dev.questspark.engine.ops.cuda.step.Launch;
import dev.questspark.engine.ops.prefix.KeptSlots;
import dev.questspark.engine.ops.prefix.PrefixGeometry;
import dev.questspark.engine.ops.prefix.PrefixOps;
import dev.questspark.engine.ops.prefix.PrefixPages;
import dev.questspark.engine.ops.prefix.PrefixRows;
import dev.questspark.engine.ops.prefix.PrefixTable;

/** The ops on prefixes as launches: a table of contents, and attention. */
public final class CudaPrefixOps implements PrefixOps, AutoCloseable {
  /** Query heads of a block of {@code attend_prefix}; {@code kPrefixHeads} there. */
  private static final int HEADS = 8;

  /** Floats of a block's memory per head for the weights of a merge. */
  private static final int MAX_SPLITS = 64;

  private static final int LSE_THREADS = 256;
  private static final int CHUNK_THREADS = 128;
  private static final int CHUNK_ROWS = 64;

  private final Launch launch;
  private final DeviceTables tables;
  private final CudaCompression compression;
  private final CudaPrefixSelection selection;
  private final AttentionWorkspace workspace;
  private final DeviceInts sums;

  public CudaPrefixOps(
      CudaContext context,
      DevicePool pool,
      CudaStream stream,
      LaunchRecorder recorder,
      Launch launch) {
    this.launch = launch;
    this.tables =
        new DeviceTables(
            new DeviceInts(context, pool, stream, recorder),
            new DeviceInts(context, pool, stream, recorder));
    this.compression = new CudaCompression(launch, new DeviceInts(context, pool, stream, recorder));
    this.selection = new CudaPrefixSelection(launch, tables);
    this.workspace = new AttentionWorkspace(pool, stream, recorder, HEADS);
    this.sums = new DeviceInts(context, pool, stream, recorder);
  }

  /** The memory of a store, which is one block on a GPU. */
  static PrefixPages.Slab slab(PrefixPages pages) {
    if (pages.slabs().size() != 1) {
      throw new IllegalArgumentException(
          "a prefix store in " + pages.slabs().size() + " pieces on a GPU");
    }
    return pages.slabs().get(0);
  }

  /** Most slots of any head of the rows' prefixes. */
  static int mostSlots(PrefixRows prefixes, int layer, RowRange rows) {
    int most = 0;
    for (int row = rows.from(); row < rows.to(); row++) {
      PrefixTable table = prefixes.table(row);
      for (int head = 0; head < table.kvHeads(); head++) {
        most = Math.max(most, table.slots(layer, head));
      }
    }
    return most;
  }

  @Override
  public void compressPages(
      PrefixPages prefix,
      PrefixTable table,
      KvLayer kv,
      int layer,
      int[] livePages,
      KeptSlots kept) {
    compression.compressPages(prefix, table, kv, layer, livePages, kept);
  }

  @Override
  public void columnMax(
      Tensor scores,
      Tensor q,
      KvLayer kv,
      LoadedBatch loaded,
      RowRange rows,
      int first,
      RowRange chunk,
      int ownFrom,
      float scale,
      float cap) {
    CudaBatch batch = CudaBatch.of(loaded, rows);
    KvGeometry geometry = kv.geometry();
    int heads = OpArguments.queryHeads(q, kv);
    int group = heads / geometry.kvHeads();
    OpArguments.require("q", q, rows.to(), q.cols());
    OpArguments.require("scores", scores, geometry.kvHeads(), scores.cols());
    if (first > chunk.from() || chunk.to() > ownFrom || chunk.count() > scores.cols()) {
      throw new IllegalArgumentException(
          "the first " + first + " keys, a chunk at " + chunk + " and own keys from " + ownFrom);
    }
    sums.reserve((long) rows.count() * heads);
    launch
        .of(PrefixKernels.COLUMN_MAX_LSE.of(q.dtype(), geometry.dtype()))
        .outFloats(sums.address())
        .in(q)
        .in(kv.keys())
        .rows(batch, rows.from())
        .integer(geometry.kvHeads())
        .integer(geometry.headDim())
        .integer(geometry.pageSize())
        .integer(group)
        .integer(first)
        .integer(chunk.from())
        .integer(chunk.count())
        .integer(ownFrom)
        .integer(q.rowStride())
        .real(scale)
        .real(cap)
        .grid(heads, rows.count(), 1, LSE_THREADS, 0);
    launch
        .of(PrefixKernels.COLUMN_MAX.of(q.dtype(), geometry.dtype()))
        .out(scores)
        .inFloats(sums.address())
        .in(q)
        .in(kv.keys())
        .rows(batch, rows.from())
        .integer(rows.count())
        .integer(geometry.kvHeads())
        .integer(geometry.headDim())
        .integer(geometry.pageSize())
        .integer(group)
        .integer(chunk.from())
        .integer(chunk.count())
        .integer(scores.rowStride())
        .integer(q.rowStride())
        .real(scale)
        .real(cap)
        .grid(
            ceilDiv(chunk.count(), CHUNK_THREADS),
            geometry.kvHeads(),
            ceilDiv(rows.count(), CHUNK_ROWS),
            CHUNK_THREADS,
            0);
  }

  @Override
  public void scorePrefix(
      Tensor scores,
      Tensor q,
      PrefixRows prefixes,
      int layer,
      LoadedBatch batch,
      RowRange rows,
      Scoring scoring,
      PageBudget budget) {
    selection.scorePrefix(
        scores, q, prefixes, layer, CudaBatch.of(batch, rows), rows, scoring, budget);
  }

  @Override
  public void topPrefix(
      PageList list,
      Tensor scores,
      PrefixRows prefixes,
      int layer,
      LoadedBatch batch,
      RowRange rows,
      PageBudget budget) {
    selection.topPrefix(list, scores, prefixes, layer, CudaBatch.of(batch, rows), rows, budget);
  }

  @Override
  public void keepPrefix(
      PageList list,
      PrefixRows prefixes,
      int layer,
      LoadedBatch batch,
      RowRange rows,
      PageBudget budget) {
    selection.keepPrefix(list, prefixes, layer, CudaBatch.of(batch, rows), rows, budget);
  }

  @Override
  public void attendPrefix(
      Tensor out,
      Tensor logSumExp,
      Tensor q,
      PrefixRows prefixes,
      int layer,
      LoadedBatch batch,
      RowRange rows,
      PageList list,
      float scale,
      float cap) {
    int kvHeads = prefixes.tables().get(0).kvHeads();
    CudaPageList entries = CudaPageList.of(list, rows.count(), kvHeads);
    attend(out, logSumExp, q, prefixes, layer, batch, rows, entries, scale, cap);
  }

  @Override
  public void attendPrefix(
      Tensor out,
      Tensor logSumExp,
      Tensor q,
      PrefixRows prefixes,
      int layer,
      LoadedBatch batch,
      RowRange rows,
      float scale,
      float cap) {
    attend(out, logSumExp, q, prefixes, layer, batch, rows, null, scale, cap);
  }

  /**
   * @param list null for all of every row's prefix
   */
  private void attend(
      Tensor out,
      Tensor logSumExp,
      Tensor q,
      PrefixRows prefixes,
      int layer,
      LoadedBatch loaded,
      RowRange rows,
      CudaPageList list,
      float scale,
      float cap) {
    CudaBatch batch = CudaBatch.of(loaded, rows);
    PrefixGeometry geometry = prefixes.pages().geometry();
    PrefixTable any = prefixes.tables().get(0);
    int kvHeads = any.kvHeads();
    int headDim = geometry.headDim();
    int group = q.cols() / headDim / kvHeads;
    OpArguments.require("q", q, rows.to(), kvHeads * group * headDim);
    OpArguments.require("out", out, rows.to(), q.cols());
    OpArguments.require("logSumExp", logSumExp, rows.to(), kvHeads * group);
    int unit = list == null ? geometry.tile() : list.unit();
    if (PrefixGeometry.SLOTS % unit != 0 || unit % geometry.tile() != 0) {
      throw new IllegalArgumentException(
          "units of " + unit + " slots in tiles of " + geometry.tile() + " of a prefix");
    }
    tables.stage(prefixes, batch);
    workspace.reserve(rows.count(), kvHeads, group, headDim);
    long longest =
        list == null ? mostSlots(prefixes, layer, rows) : (long) list.longest() * list.unit();
    launch
        .of(PrefixKernels.ATTEND_PREFIX.of(q.dtype(), geometry.storage()))
        .out(out)
        .out(logSumExp)
        .counters(batch.readCounters())
        .counters(batch.prefixCounters())
        .outFloats(workspace.outAddress())
        .outFloats(workspace.stateAddress())
        .outInts(workspace.ticketsAddress())
        .in(q)
        .in(slab(prefixes.pages()).pages())
        .inInts(tables.tables())
        .inInts(tables.rowTables())
        .inInts(list == null ? 0 : list.entriesAddress())
        .inInts(list == null ? 0 : list.countsAddress())
        .integer(rows.from())
        .integer(layer * kvHeads)
        .integer(any.slots().length)
        .integer(kvHeads)
        .integer(headDim)
        .integer(geometry.tile())
        .integer(geometry.format().keyBits())
        .integer(geometry.format().valueBits())
        .integer(unit)
        .integer(group)
        .integer(list == null ? 0 : list.shape().maxEntries())
        .integer(q.rowStride())
        .integer(out.rowStride())
        .integer(logSumExp.rowStride())
        .real(scale)
        .real(cap)
        .grid(
            AttentionWorkspace.splits(longest),
            kvHeads * workspace.tiles(group),
            rows.count(),
            128,
            sharedBytes(headDim, Math.min(group, HEADS)));
  }

  /** As the head of {@code attend_prefix.cu} says. */
  private static int sharedBytes(int headDim, int heads) {
    int slots = headDim > 128 ? 32 : 64;
    int ofHeads = heads * (2 * headDim + MAX_SPLITS + 3);
    return 4 * (2 * slots * headDim + headDim + slots + ofHeads);
  }

  @Override
  public void close() {
    tables.close();
    compression.close();
    workspace.close();
    sums.close();
  }
}
