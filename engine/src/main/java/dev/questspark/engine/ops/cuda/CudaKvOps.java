package dev.questspark.engine.ops.cuda;

import static dev.questspark.engine.ops.cuda.driver.CudaShapes.ceilDiv;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cuda.driver.CudaContext;
import dev.questspark.engine.ops.cuda.driver.CudaDevice;
import dev.questspark.engine.ops.cuda.driver.CudaKernels;
import dev.questspark.engine.ops.cuda.driver.CudaShapes;
import dev.questspark.engine.ops.cuda.driver.CudaStream;
import dev.questspark.engine.ops.cuda.driver.DeviceBuffer;
import dev.questspark.engine.ops.cuda.driver.DevicePool;
import dev.questspark.engine.ops.cuda.driver.KernelFamily;
import dev.questspark.engine.ops.cuda.driver.LaunchRecorder;
import dev.questspark.engine.ops.cuda.driver.PinnedBuffer;
import dev.questspark.engine.ops.cuda.step.AttentionWorkspace;
import dev.questspark.engine.ops.cuda.step.CudaBatch;
import dev.questspark.engine.ops.cuda.step.CudaPageList;
import dev.questspark.engine.ops.cuda.step.Launch;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.Segments;
import dev.questspark.engine.ops.prefill.TileSkipping;
import java.nio.IntBuffer;
import java.util.Arrays;
import java.util.Map;

/** The ops that write the cache or attend to it: the ones with memory of their own. */
final class CudaKvOps implements AutoCloseable {
  /** Pairs of pages per launch of {@code copy_pages}. */
  private static final int COPY_PAIRS = 4096;

  /** Dynamic shared memory of the tiled kernels pads each row by eight 16-bit elements. */
  private static final int TILE_PADDING = 8;

  /** Query heads of one block; {@code kHeadsPerBlock} of the kernels. */
  private static final int HEADS_PER_BLOCK = 16;

  /** Tokens of a tile of the tiled {@code attend_pages}; pages are whole tiles. */
  private static final int TILE_TOKENS = 16;

  /** Rows of a tile of three warpgroups. */
  private static final int WARPGROUP_ROWS = 192;

  /** Threads of {@code column_lse}, on which the order of its sums depends. */
  private static final int LSE_THREADS = 256;

  /** Kernels take exponentials in base 2. */
  private static final float LOG2_E = 1.4426950408889634f;

  /** Columns of a block of {@code column_mass}. */
  private static final int COLUMN_THREADS = 128;

  private final CudaStream stream;
  private final LaunchRecorder recorder;
  private final Launch launch;
  private final boolean warpgroups;
  private final AttentionWorkspace workspace;
  private final PinnedBuffer pairStaging;
  private final DeviceBuffer pairs;
  private int[] copiedFrom = {};
  private int[] copiedTo = {};

  /**
   * Allocates what the ops need beside the cache.
   *
   * @param warpgroups whether the GPU has {@link CudaDevice#warpgroups}
   */
  CudaKvOps(
      CudaContext context,
      DevicePool pool,
      CudaStream stream,
      LaunchRecorder recorder,
      Launch launch,
      boolean warpgroups) {
    this.stream = stream;
    this.recorder = recorder;
    this.launch = launch;
    this.warpgroups = warpgroups;
    this.workspace = new AttentionWorkspace(pool, stream, recorder, HEADS_PER_BLOCK);
    this.pairStaging = new PinnedBuffer(context, 8 * COPY_PAIRS);
    this.pairs = pool.allocate(8L * COPY_PAIRS);
  }

  void appendKv(KvLayer kv, Tensor q, Tensor k, Tensor v, Tensor rope, CudaBatch batch) {
    KvGeometry geometry = kv.geometry();
    int kvColumns = geometry.kvHeads() * geometry.headDim();
    OpArguments.require("q", q, batch.rows(), q.cols());
    OpArguments.require("k", k, batch.rows(), kvColumns);
    OpArguments.require("v", v, batch.rows(), kvColumns);
    int last = batch.lastRopePosition();
    OpArguments.require("rope", rope, last + 1, geometry.headDim());
    boolean narrow = geometry.digestDType() == DType.I8;
    KernelFamily family = narrow ? CudaKernels.APPEND_KV_I8 : CudaKernels.APPEND_KV;
    launch
        .of(family.of(q.dtype(), geometry.dtype()))
        .out(q)
        .out(kv.keys())
        .out(kv.values())
        .outOrNull(kv.digests().get(PageScores.MINMAX))
        .outOrNull(kv.digests().get(PageScores.MEANSTD))
        .in(k)
        .in(v)
        .in(rope)
        .inInts(batch.positions())
        .inInts(batch.ropePositions())
        .inInts(batch.rowSpan())
        .inInts(batch.spanRows())
        .inInts(batch.spanPages())
        .inInts(batch.pageTable())
        .integer(geometry.kvHeads())
        .integer(geometry.headDim())
        .integer(geometry.pageSize())
        .integer(geometry.digestBlockSize())
        .integer(OpArguments.queryHeadsPerKvHead(q, kv))
        .integer(q.rowStride())
        .integer(k.rowStride())
        .integer(v.rowStride())
        .integer(rope.rowStride())
        .grid(batch.rows(), geometry.kvHeads(), 1, 128, 0);
  }

  void copyPages(KvLayer kv, int[] from, int[] to) {
    if (from.length != to.length) {
      throw new IllegalArgumentException(
          from.length + " pages to copy, but " + to.length + " to copy them to");
    }
    for (int first = 0; first < from.length; first += COPY_PAIRS) {
      int count = Math.min(COPY_PAIRS, from.length - first);
      stage(
          Arrays.copyOfRange(from, first, first + count),
          Arrays.copyOfRange(to, first, first + count));
      launchCopy(kv, count);
    }
  }

  /** Uploads pairs of pages, unless the last copy (of another layer) had the same. */
  private void stage(int[] from, int[] to) {
    if (Arrays.equals(from, copiedFrom) && Arrays.equals(to, copiedTo)) {
      return;
    }
    recorder.flush(); // earlier copies read the pairs that this replaces
    stream.awaitUpload();
    IntBuffer ints = pairStaging.bytes().asIntBuffer();
    ints.put(0, from, 0, from.length);
    ints.put(COPY_PAIRS, to, 0, to.length);
    stream.upload(pairs, 0, pairStaging, 4L * (COPY_PAIRS + to.length));
    copiedFrom = from;
    copiedTo = to;
  }

  private void launchCopy(KvLayer kv, int count) {
    KvGeometry geometry = kv.geometry();
    launch
        .of(CudaKernels.COPY_PAGES)
        .outBytes(DeviceBuffer.addressOf(kv.keys()))
        .outBytes(DeviceBuffer.addressOf(kv.values()))
        .outBytes(addressOrNull(kv.digests().get(PageScores.MINMAX)))
        .outBytes(addressOrNull(kv.digests().get(PageScores.MEANSTD)))
        .inInts(pairs.address())
        .inInts(pairs.address() + 4L * COPY_PAIRS)
        .wide(geometry.pageBytesPerLayer() / 2)
        .wide(geometry.digestBytesPerLayer())
        .grid(count, 1, 1, 256, 0);
  }

  private static long addressOrNull(Tensor tensor) {
    return tensor == null ? 0 : DeviceBuffer.addressOf(tensor);
  }

  void attendPages(
      Tensor out,
      Tensor logSumExp,
      Tensor q,
      KvLayer kv,
      CudaBatch batch,
      RowRange rows,
      PageList list,
      float scale,
      float cap) {
    KvGeometry geometry = kv.geometry();
    int group = OpArguments.queryHeadsPerKvHead(q, kv);
    CudaPageList entries = CudaPageList.of(list, rows.count(), geometry.kvHeads());
    OpArguments.require("q", q, rows.to(), q.cols());
    OpArguments.require("out", out, rows.to(), q.cols());
    OpArguments.require("logSumExp", logSumExp, rows.to(), geometry.kvHeads() * group);
    workspace.reserve(entries.shape().maxRows(), geometry.kvHeads(), group, geometry.headDim());
    KernelFamily tiled = // without a cap
        cap == 0 && geometry.pageSize() % TILE_TOKENS == 0
            ? tiled(CudaKernels.ATTEND_PAGES_TILED, geometry)
            : null;
    int headDim = geometry.headDim();
    int warps = headDim == 256 ? 2 : 4;
    int threads = tiled == null ? 128 : 32 * warps;
    int sharedBytes =
        tiled == null
            ? plainSharedBytes(group, headDim)
            : 64 * (headDim + TILE_PADDING) * 2 * warps + 32 * (headDim + TILE_PADDING);
    launch
        .of((tiled == null ? CudaKernels.ATTEND_PAGES : tiled).of(q.dtype(), geometry.dtype()))
        .out(out)
        .out(logSumExp)
        .counters(batch.readCounters())
        .outFloats(workspace.outAddress())
        .outFloats(workspace.stateAddress())
        .outInts(workspace.ticketsAddress())
        .in(q)
        .in(kv.keys())
        .in(kv.values())
        .inInts(entries.entriesAddress())
        .inInts(entries.countsAddress())
        .rows(batch, rows.from())
        .integer(geometry.kvHeads())
        .integer(headDim)
        .integer(geometry.pageSize())
        .integer(entries.unit())
        .integer(group)
        .integer(kv.window())
        .integer(entries.shape().maxEntries())
        .integer(q.rowStride())
        .integer(out.rowStride())
        .integer(logSumExp.rowStride())
        .real(scale)
        .real(cap)
        .grid(
            AttentionWorkspace.splits(longestRun(entries, geometry.pageSize())),
            geometry.kvHeads() * workspace.tiles(group),
            rows.count(),
            threads,
            sharedBytes);
  }

  /**
   * Most tokens of a list's run: one of parts of pages begins and ends where pages do (see {@code
   * listed_tokens.cuh}).
   */
  private static long longestRun(CudaPageList entries, int pageSize) {
    return (long) entries.longest() * entries.unit() + 2L * (pageSize - entries.unit());
  }

  void attendPrefill(
      Tensor out,
      Tensor q,
      KvLayer kv,
      CudaBatch batch,
      int fromSpan,
      int toSpan,
      float scale,
      float cap) {
    KvGeometry geometry = kv.geometry();
    int headDim = geometry.headDim();
    int group = OpArguments.queryHeadsPerKvHead(q, kv);
    OpArguments.require("q", q, batch.rows(), q.cols());
    OpArguments.require("out", out, batch.rows(), q.cols());
    int longest = 0;
    for (int span = fromSpan; span < toSpan; span++) {
      longest =
          Math.max(longest, batch.host().spanRows()[span + 1] - batch.host().spanRows()[span]);
    }
    PrefillTiles tiles = // without a cap
        cap == 0 && CudaShapes.aligned(q) ? prefillTiles(geometry, longest) : null;
    KernelFamily kernels = tiles == null ? CudaKernels.ATTEND_PREFILL : tiles.kernels;
    launch
        .of(kernels.of(q.dtype(), geometry.dtype()))
        .out(out)
        .in(q)
        .in(kv.keys())
        .in(kv.values())
        .inInts(batch.positions())
        .inInts(batch.spanRows())
        .inInts(batch.spanPages())
        .inInts(batch.pageTable())
        .integer(fromSpan)
        .integer(geometry.kvHeads())
        .integer(headDim)
        .integer(geometry.pageSize())
        .integer(group)
        .integer(kv.window())
        .integer(q.rowStride())
        .integer(out.rowStride())
        .real(scale)
        .real(cap);
    int spans = toSpan - fromSpan;
    if (tiles == null) {
      int blocks = geometry.kvHeads() * workspace.tiles(group);
      launch.grid(longest, blocks, spans, 128, plainSharedBytes(group, headDim));
    } else {
      int heads = geometry.kvHeads() * group;
      launch.grid(ceilDiv(longest, tiles.rows), heads, spans, tiles.threads, tiles.sharedBytes);
    }
  }

  void columnMass(
      Tensor mass,
      Tensor logSumExp,
      Tensor q,
      KvLayer kv,
      CudaBatch batch,
      RowRange rows,
      float scale,
      float cap,
      boolean add) {
    KvGeometry geometry = kv.geometry();
    int heads = OpArguments.queryHeads(q, kv);
    int group = heads / geometry.kvHeads();
    OpArguments.require("q", q, rows.to(), q.cols());
    OpArguments.require("logSumExp", logSumExp, rows.to(), heads);
    OpArguments.require("mass", mass, heads, mass.cols());
    launch
        .of(CudaKernels.COLUMN_LSE.of(q.dtype(), geometry.dtype()))
        .out(logSumExp)
        .in(q)
        .in(kv.keys())
        .rows(batch, rows.from())
        .integer(geometry.kvHeads())
        .integer(geometry.headDim())
        .integer(geometry.pageSize())
        .integer(group)
        .integer(kv.window())
        .integer(q.rowStride())
        .integer(logSumExp.rowStride())
        .real(scale)
        .real(cap)
        .grid(heads, rows.count(), 1, LSE_THREADS, 0);
    launch
        .of(CudaKernels.COLUMN_MASS.of(q.dtype(), geometry.dtype()))
        .out(mass)
        .in(logSumExp)
        .in(q)
        .in(kv.keys())
        .rows(batch, rows.from())
        .integer(rows.count())
        .integer(mass.cols())
        .integer(geometry.kvHeads())
        .integer(geometry.headDim())
        .integer(geometry.pageSize())
        .integer(group)
        .integer(kv.window())
        .integer(mass.rowStride())
        .integer(q.rowStride())
        .integer(logSumExp.rowStride())
        .real(scale)
        .real(cap)
        .integer(add ? 1 : 0)
        .grid(ceilDiv(mass.cols(), COLUMN_THREADS), heads, 1, COLUMN_THREADS, 0);
  }

  /** The same with block lists: a segment stands in the place of a span. */
  void attendPrefill(
      Tensor out,
      Tensor logSumExp,
      Tensor q,
      KvLayer kv,
      CudaBatch batch,
      BlockList blocks,
      TileSkipping skipping,
      float scale,
      float cap) {
    KvGeometry geometry = kv.geometry();
    int headDim = geometry.headDim();
    int group = OpArguments.queryHeadsPerKvHead(q, kv);
    OpArguments.require("q", q, batch.rows(), q.cols());
    OpArguments.require("out", out, batch.rows(), q.cols());
    OpArguments.require("logSumExp", logSumExp, batch.rows(), OpArguments.queryHeads(q, kv));
    CudaBlockList.requireNoWindow(kv);
    CudaBlockList list = CudaBlockList.of(blocks, geometry.kvHeads());
    Segments segments = list.segments();
    int longest = 0;
    for (int segment = 0; segment < segments.count(); segment++) {
      longest = Math.max(longest, segments.rowsOf(segment));
    }
    PrefillTiles tiles = // without a cap
        cap == 0 && CudaShapes.aligned(q) ? prefillTiles(geometry, longest) : null;
    KernelFamily kernels =
        skipping.any()
            ? tiles == null ? CudaKernels.ATTEND_PREFILL_SKIP : tiles.skipping
            : tiles == null ? CudaKernels.ATTEND_PREFILL_BLOCKS : tiles.ofBlocks;
    launch
        .of(kernels.of(q.dtype(), geometry.dtype()))
        .out(out)
        .out(logSumExp)
        .counters(batch.blockCounters())
        .in(q)
        .in(kv.keys())
        .in(kv.values())
        .inInts(list.entries())
        .inInts(list.counts())
        .inInts(list.rows())
        .inInts(list.starts())
        .inInts(batch.rowSpan())
        .inInts(batch.spanPages())
        .inInts(batch.pageTable())
        .integer(list.maxBlocks())
        .integer(segments.shape().block())
        .integer(geometry.kvHeads())
        .integer(headDim)
        .integer(geometry.pageSize())
        .integer(group)
        .integer(q.rowStride())
        .integer(out.rowStride())
        .integer(logSumExp.rowStride())
        .real(scale)
        .real(cap);
    int heads = geometry.kvHeads() * group;
    if (skipping.any()) {
      launch.real(skipping.margin() * LOG2_E);
    }
    if (tiles == null && skipping.any()) {
      int sharedBytes = 8 * 64 + 4 * TileSkipping.ROWS * (65 + headDim + 1);
      int rows = ceilDiv(longest, TileSkipping.ROWS);
      launch.grid(rows, heads, segments.count(), 128, sharedBytes);
    } else if (tiles == null) {
      int perRow = geometry.kvHeads() * workspace.tiles(group);
      launch.grid(longest, perRow, segments.count(), 128, plainSharedBytes(group, headDim));
    } else {
      launch.grid(
          ceilDiv(longest, tiles.rows), heads, segments.count(), tiles.threads, tiles.sharedBytes);
    }
  }

  /** The form of {@code attend_prefill} for a span, with what the head of its file says. */
  private record PrefillTiles(
      KernelFamily kernels,
      KernelFamily ofBlocks,
      KernelFamily skipping,
      int rows,
      int threads,
      int sharedBytes) {}

  /** Null where only the plain kernels fit; all forms give the same bits. */
  private PrefillTiles prefillTiles(KvGeometry geometry, int longest) {
    int headDim = geometry.headDim();
    KernelFamily tiled = tiled(CudaKernels.ATTEND_PREFILL_TILED, geometry);
    if (tiled == null) {
      return null;
    }
    int rows = headDim == 256 ? 64 : 128;
    if (warpgroups && headDim == 128 && longest > rows) {
      return new PrefillTiles(
          CudaKernels.ATTEND_PREFILL_WG,
          CudaKernels.ATTEND_PREFILL_BLOCKS_WG,
          CudaKernels.ATTEND_PREFILL_SKIP_WG,
          WARPGROUP_ROWS,
          2 * WARPGROUP_ROWS,
          1024 + (WARPGROUP_ROWS + 4 * 64) * headDim * 2);
    }
    return new PrefillTiles(
        tiled,
        CudaKernels.ATTEND_PREFILL_BLOCKS_TILED.get(headDim),
        CudaKernels.ATTEND_PREFILL_SKIP_TILED.get(headDim),
        rows,
        128,
        (rows + 128) * (headDim + TILE_PADDING) * 2);
  }

  private static int plainSharedBytes(int group, int headDim) {
    return 2048 + Math.min(group, HEADS_PER_BLOCK) * (1024 + 8 * headDim + 16);
  }

  /** The tensor-core kernels for a head_dim, or null where only the plain ones fit. */
  static KernelFamily tiled(Map<Integer, KernelFamily> byHeadDim, KvGeometry geometry) {
    return geometry.dtype() == DType.F32 ? null : byHeadDim.get(geometry.headDim());
  }

  @Override
  public void close() {
    workspace.close();
    pairs.close();
    pairStaging.close();
  }
}
