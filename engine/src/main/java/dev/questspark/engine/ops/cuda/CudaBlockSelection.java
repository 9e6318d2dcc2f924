package dev.questspark.engine.ops.cuda;

import static dev.questspark.engine.ops.cuda.driver.CudaShapes.ceilDiv;

import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cuda.driver.CudaContext;
import dev.questspark.engine.ops.cuda.driver.CudaKernels;
import dev.questspark.engine.ops.cuda.driver.CudaShapes;
import dev.questspark.engine.ops.cuda.driver.CudaStream;
import dev.questspark.engine.ops.cuda.driver.DeviceBuffer;
import dev.questspark.engine.ops.cuda.driver.DevicePool;
import dev.questspark.engine.ops.cuda.driver.LaunchRecorder;
import dev.questspark.engine.ops.cuda.driver.PinnedBuffer;
import dev.questspark.engine.ops.cuda.step.CudaBatch;
import dev.questspark.engine.ops.cuda.step.Launch;
import dev.questspark.engine.ops.prefill.BlockBudget;
import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.BlockScoring;
import dev.questspark.engine.ops.prefill.Segments;
import java.nio.IntBuffer;

/** The ops that decide which blocks a segment reads: they score keys and fill lists. */
final class CudaBlockSelection implements AutoCloseable {
  /** Columns of a tile, and rows of one on tensor cores. */
  private static final int TILE = 64;

  /** Tiles of columns whose sums are kept together; fixed, since sums depend on it. */
  private static final int CHUNK_TILES = 16;

  /** Of sums or products; segments that do not fit are scored in turns. One at least fits. */
  private static final long WORK_BYTES = 16L << 20;

  private final CudaContext context;
  private final DevicePool pool;
  private final CudaStream stream;
  private final LaunchRecorder recorder;
  private final Launch launch;
  private DeviceBuffer work;
  private PinnedBuffer staging;
  private DeviceBuffer device; // first rows, starts and whether scored; see score_blocks.cu
  private int room; // of each of the three
  private Held held;

  /** What stands on the device. */
  private record Held(Segments segments, BlockBudget budget, int fewestRows) {
    boolean is(Segments other, BlockBudget otherBudget, int rows) {
      return segments == other && budget.equals(otherBudget) && fewestRows == rows;
    }
  }

  CudaBlockSelection(
      CudaContext context,
      DevicePool pool,
      CudaStream stream,
      LaunchRecorder recorder,
      Launch launch) {
    this.context = context;
    this.pool = pool;
    this.stream = stream;
    this.recorder = recorder;
    this.launch = launch;
  }

  /** Makes room for the segments of a step, so that no step need. */
  void reserve(int segments) {
    reserveWork(WORK_BYTES);
    if (segments + 1 > room) {
      recorder.flush();
      stream.await(recorder); // the launches so far use the old memory
      closeSegments();
      room = segments + 1;
      staging = new PinnedBuffer(context, 12 * room);
      device = pool.allocate(12L * room);
    }
  }

  private void reserveWork(long bytes) {
    if (work == null || work.bytes() < bytes) {
      recorder.flush();
      stream.await(recorder);
      if (work != null) {
        work.close();
      }
      work = pool.allocate(bytes);
    }
  }

  /** Brings segments to the device, unless they are those of the layer before. */
  private long upload(Segments segments, BlockBudget budget, int fewestRows) {
    reserve(segments.count());
    if (held == null || !held.is(segments, budget, fewestRows)) {
      recorder.flush(); // launches that read what this replaces
      stream.awaitUpload();
      IntBuffer ints = staging.bytes().asIntBuffer();
      ints.put(0, segments.rows());
      ints.put(room, segments.starts());
      for (int segment = 0; segment < segments.count(); segment++) {
        boolean scored = !budget.readsAll(segments, segment, fewestRows);
        ints.put(2 * room + segment, scored ? 1 : 0);
      }
      stream.upload(device, 0, staging, 12L * room);
      held = new Held(segments, budget, fewestRows);
    }
    return device.address();
  }

  void keepBlocks(BlockList blocks, int first, int last) {
    CudaBlockList list = CudaBlockList.of(blocks);
    launch
        .of(CudaKernels.KEEP_BLOCKS)
        .outInts(list.entries())
        .outInts(list.counts())
        .inInts(list.starts())
        .integer(list.maxBlocks())
        .integer(list.segments().shape().block())
        .integer(first)
        .integer(last)
        .grid(list.kvHeads(), list.segments().count(), 1, 128, 0);
  }

  void topBlocks(BlockList blocks, Tensor scores, BlockBudget budget, int fewestRows) {
    CudaBlockList list = CudaBlockList.of(blocks);
    Segments segments = list.segments();
    OpArguments.require("scores", scores, segments.count() * list.kvHeads(), scores.cols());
    long address = upload(segments, budget, fewestRows); // before a launch begins
    launch
        .of(CudaKernels.TOP_BLOCKS)
        .outInts(list.entries())
        .outInts(list.counts())
        .in(scores)
        .inInts(address)
        .integer(room)
        .integer(list.maxBlocks())
        .integer(segments.shape().block())
        .integer(scores.rowStride())
        .integer(budget.blocks())
        .wide(budget.enough())
        .wide(BlockBudget.WHOLE)
        .grid(list.kvHeads(), segments.count(), 1, 256, 0);
  }

  /** A call: segments are scored some at a time, those from {@code from} to before {@code to}. */
  private record Call(
      Tensor q, KvLayer kv, CudaBatch batch, Segments segments, long address, Range range) {
    int kvHeads() {
      return kv.geometry().kvHeads();
    }

    int group() {
      return OpArguments.queryHeadsPerKvHead(q, kv);
    }

    int block() {
      return segments.shape().block();
    }

    /** Their numbers on the device. */
    long ints() {
      return address + 4L * range.from;
    }

    /** Keys that a row of one of them sees, at most. */
    int tokens() {
      int most = 0;
      for (int segment = range.from; segment < range.to; segment++) {
        most = Math.max(most, segments.starts()[segment] + segments.rowsOf(segment));
      }
      return most;
    }

    Tensor scoresOf(Tensor scores) {
      return scores.rows(range.from * kvHeads(), range.to * kvHeads());
    }
  }

  private record Range(int from, int to) {
    int count() {
      return to - from;
    }
  }

  void scoreBlocks(
      Tensor scores,
      Tensor q,
      KvLayer kv,
      CudaBatch batch,
      Segments segments,
      BlockScoring scoring,
      BlockBudget budget,
      float scale,
      float cap) {
    int count = segments.count();
    OpArguments.queryHeadsPerKvHead(q, kv);
    OpArguments.require("q", q, batch.rows(), q.cols());
    OpArguments.require("scores", scores, count * kv.geometry().kvHeads(), scores.cols());
    CudaBlockList.requireNoWindow(kv);
    long address = upload(segments, budget, scoring.fewestRows());
    Call whole = new Call(q, kv, batch, segments, address, new Range(0, count));
    long perSegment =
        scoring instanceof BlockScoring.Midpoint
            ? 4L * (q.cols() + whole.kvHeads() * scores.cols())
            : Rows.of(scoring, whole).bytes(whole);
    int atOnce = (int) Math.max(1, Math.min(count, WORK_BYTES / perSegment));
    reserveWork(perSegment * atOnce);
    for (int from = 0; from < count; from += atOnce) {
      Range range = new Range(from, Math.min(count, from + atOnce));
      Call call = new Call(q, kv, batch, segments, address, range);
      if (scoring instanceof BlockScoring.Midpoint midpoint) {
        scoreMidpoints(scores, call, midpoint.previous(), scale);
      } else {
        scoreRows(scores, call, Rows.of(scoring, whole), scale, cap);
      }
    }
  }

  /**
   * Rows of a segment's products with columns of keys; see score_blocks.cu.
   *
   * @param most that one query head has
   * @param stride queries of a row, and keys of a column
   */
  private record Rows(int most, int stride) {
    static Rows of(BlockScoring scoring, Call call) {
      return scoring instanceof BlockScoring.SampledRows sampled
          ? new Rows(sampled.rows(), 1)
          : new Rows(Integer.MAX_VALUE, ((BlockScoring.Antidiagonal) scoring).stride());
    }

    /** Of the group, in a whole segment. */
    int count(Call call) {
      return call.group() * Math.min(most, call.segments.shape().segment() / stride);
    }

    int tiles(Call call, int columns) {
      int perBlock = call.block() / stride;
      return ceilDiv(columns, TILE / perBlock * perBlock);
    }

    int chunks(Call call) {
      return ceilDiv(tiles(call, ceilDiv(call.tokens(), stride)), CHUNK_TILES);
    }

    /** Of sums and their logarithms. */
    long bytes(Call call) {
      return 4L * call.kvHeads() * count(call) * (2L * chunks(call) + 1);
    }
  }

  private void scoreRows(Tensor scores, Call call, Rows rows, float scale, float cap) {
    KvGeometry geometry = call.kv.geometry();
    boolean plain =
        cap != 0
            || !CudaShapes.aligned(call.q)
            || CudaKvOps.tiled(CudaKernels.SCORE_BLOCKS_SUMS_TILED, geometry) == null;
    int chunks = rows.chunks(call);
    int count = rows.count(call);
    int kvHeads = call.kvHeads();
    int segments = call.range.count();
    int threads = plain ? TILE : 2 * TILE;
    int sharedBytes = plain ? 0 : 2 * TILE * (geometry.headDim() + 8) * 2;
    long sums = work.address();
    long logs = sums + 8L * segments * kvHeads * chunks * count;
    launch
        .of(
            (plain
                    ? CudaKernels.SCORE_BLOCKS_SUMS
                    : CudaKvOps.tiled(CudaKernels.SCORE_BLOCKS_SUMS_TILED, geometry))
                .of(call.q.dtype(), geometry.dtype()))
        .outFloats(sums)
        .in(call.q)
        .in(call.kv.keys())
        .inInts(call.ints())
        .inInts(call.batch.rowSpan())
        .inInts(call.batch.spanPages())
        .inInts(call.batch.pageTable())
        .integer(room)
        .integer(call.block())
        .integer(rows.stride)
        .integer(rows.most)
        .integer(chunks)
        .integer(CHUNK_TILES)
        .integer(kvHeads)
        .integer(geometry.headDim())
        .integer(geometry.pageSize())
        .integer(call.group())
        .integer(count)
        .integer(call.q.rowStride())
        .real(scale)
        .real(cap)
        .grid(
            chunks * (plain ? count : ceilDiv(count, TILE)),
            kvHeads,
            segments,
            threads,
            sharedBytes);
    launch
        .of(CudaKernels.MERGE_BLOCK_SUMS)
        .outFloats(logs)
        .inFloats(sums)
        .inInts(call.ints())
        .integer(room)
        .integer(rows.stride)
        .integer(rows.most)
        .integer(chunks)
        .integer(count)
        .integer(call.group())
        .grid(ceilDiv(count, 128), kvHeads, segments, 128, 0);
    Tensor target = call.scoresOf(scores);
    launch
        .of(
            (plain
                    ? CudaKernels.SCORE_BLOCKS_WEIGHTS
                    : CudaKvOps.tiled(CudaKernels.SCORE_BLOCKS_WEIGHTS_TILED, geometry))
                .of(call.q.dtype(), geometry.dtype()))
        .out(target)
        .inFloats(logs)
        .in(call.q)
        .in(call.kv.keys())
        .inInts(call.ints())
        .inInts(call.batch.rowSpan())
        .inInts(call.batch.spanPages())
        .inInts(call.batch.pageTable())
        .integer(room)
        .integer(call.block())
        .integer(rows.stride)
        .integer(rows.most)
        .integer(kvHeads)
        .integer(geometry.headDim())
        .integer(geometry.pageSize())
        .integer(call.group())
        .integer(count)
        .integer(target.rowStride())
        .integer(call.q.rowStride())
        .real(scale)
        .real(cap)
        .grid(
            rows.tiles(call, ceilDiv(call.tokens(), rows.stride)),
            kvHeads,
            segments,
            threads,
            sharedBytes);
  }

  private void scoreMidpoints(Tensor scores, Call call, float previous, float scale) {
    KvGeometry geometry = call.kv.geometry();
    int headDim = geometry.headDim();
    int kvHeads = call.kvHeads();
    int segments = call.range.count();
    int blocks = scores.cols();
    long midpoints = work.address();
    long products = midpoints + 4L * segments * call.q.cols();
    launch
        .of(CudaKernels.MIDPOINT_QUERIES.of(call.q.dtype(), geometry.dtype()))
        .outFloats(midpoints)
        .in(call.q)
        .inInts(call.ints())
        .integer(room)
        .integer(headDim)
        .integer(call.q.rowStride())
        .grid(kvHeads * call.group(), segments, 1, 256, 0);
    launch
        .of(CudaKernels.SCORE_MIDPOINTS.of(call.q.dtype(), geometry.dtype()))
        .outFloats(products)
        .inFloats(midpoints)
        .in(call.kv.keys())
        .inInts(call.ints())
        .inInts(call.batch.rowSpan())
        .inInts(call.batch.spanPages())
        .inInts(call.batch.pageTable())
        .integer(room)
        .integer(kvHeads)
        .integer(headDim)
        .integer(geometry.pageSize())
        .integer(call.block())
        .integer(blocks)
        .integer(call.group())
        .grid(
            ceilDiv(call.segments.shape().blocksOf(call.tokens()), 4),
            kvHeads,
            segments,
            128,
            32 * headDim);
    Tensor target = call.scoresOf(scores);
    launch
        .of(CudaKernels.MIX_MIDPOINTS)
        .out(target)
        .inFloats(products)
        .inInts(call.ints())
        .integer(room)
        .integer(call.block())
        .integer(blocks)
        .integer(target.rowStride())
        .real(scale)
        .real(previous)
        .grid(kvHeads, segments, 1, 256, 0);
  }

  private void closeSegments() {
    if (device != null) {
      staging.close();
      device.close();
      held = null;
    }
  }

  @Override
  public void close() {
    closeSegments();
    if (work != null) {
      work.close();
    }
  }
}
