package dev.questspark.engine.ops.cuda;

import static dev.questspark.engine.ops.cuda.CudaShapes.ceilDiv;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LinearWeight;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Scoring;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.TensorOps;
import dev.questspark.engine.ops.cuda.driver.CudaKernels;
import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScore;

/**
 * The ops as launches: one each, with the grid that the head of its {@code .cu} file asks for.
 * Nothing clever happens here.
 */
final class CudaTensorOps implements TensorOps {
  /** Channels that a block of {@code add} or {@code silu_mul} covers: 256 threads of eight. */
  private static final int ELEMENTWISE_BLOCK = 2048;

  /** Channels up to which one warp normalises a row; must follow the channels alone. */
  private static final int ONE_WARP_CHANNELS = 512;

  private final Launch launch;
  private final CudaGemm gemm;
  private final CudaKvOps kv;

  CudaTensorOps(Launch launch, CudaGemm gemm, CudaKvOps kv) {
    this.launch = launch;
    this.gemm = gemm;
    this.kv = kv;
  }

  @Override
  public void embed(Tensor out, Tensor table, LoadedBatch batch) {
    CudaBatch loaded = CudaBatch.of(batch);
    OpArguments.require("out", out, loaded.rows(), table.cols());
    for (int token : loaded.host().tokens()) { // the kernel would read past the table
      if (token < 0 || token >= table.rows()) {
        throw new IllegalArgumentException(
            "token " + token + " is outside the vocabulary of " + table.rows());
      }
    }
    launch
        .of(CudaKernels.EMBED.of(out.dtype(), table.dtype()))
        .out(out)
        .inInts(loaded.tokens())
        .in(table)
        .integer(table.cols())
        .integer(out.rowStride())
        .integer(table.rowStride())
        .grid(loaded.rows(), 1, 1, 256, 0);
  }

  @Override
  public void rmsNorm(Tensor out, Tensor x, Tensor weight, float eps) {
    int channels = weight.cols();
    OpArguments.require("out", out, x.rows(), x.cols());
    if (x.cols() % channels != 0) {
      throw new IllegalArgumentException(
          "x has " + x.cols() + " columns, which is no multiple of the weight's " + channels);
    }
    launch
        .of(CudaKernels.RMS_NORM.of(out.dtype()))
        .out(out)
        .in(x)
        .in(weight)
        .integer(channels)
        .integer(out.rowStride())
        .integer(x.rowStride())
        .real(eps)
        .grid(x.cols() / channels, x.rows(), 1, normThreads(channels), 0);
  }

  @Override
  public void addRmsNorm(Tensor out, Tensor x, Tensor y, Tensor weight, float eps) {
    int channels = weight.cols();
    OpArguments.require("x", x, 0, channels);
    OpArguments.require("y", y, x.rows(), channels);
    OpArguments.require("out", out, x.rows(), channels);
    launch
        .of(CudaKernels.ADD_RMS_NORM.of(out.dtype()))
        .out(out)
        .out(x)
        .in(y)
        .in(weight)
        .integer(channels)
        .integer(out.rowStride())
        .integer(x.rowStride())
        .integer(y.rowStride())
        .real(eps)
        .grid(1, x.rows(), 1, normThreads(channels), 0);
  }

  /** Follows the row alone, so that its sum is taken in one order. */
  private static int normThreads(int channels) {
    return channels <= ONE_WARP_CHANNELS ? 32 : 256;
  }

  @Override
  public void linear(Tensor out, Tensor x, LinearWeight weight) {
    CudaLinearWeight packed = CudaLinearWeight.of(weight);
    OpArguments.require("x", x, 0, packed.inFeatures());
    OpArguments.require("out", out, x.rows(), packed.outFeatures());
    gemm.linear(out, x, packed);
  }

  @Override
  public void appendKv(
      KvLayer layer, Tensor q, Tensor k, Tensor v, Tensor rope, LoadedBatch batch) {
    requirePages(layer.geometry(), layer.geometry().pageSize());
    kv.appendKv(layer, q, k, v, rope, CudaBatch.of(batch));
  }

  @Override
  public void copyPages(KvLayer layer, int[] from, int[] to) {
    kv.copyPages(layer, from, to);
  }

  @Override
  public void scorePages(
      Tensor scores,
      Tensor q,
      KvLayer layer,
      LoadedBatch batch,
      RowRange rows,
      Scoring scoring,
      PageBudget budget) {
    CudaBatch loaded = CudaBatch.of(batch, rows);
    KvGeometry geometry = layer.geometry();
    int group = OpArguments.queryHeadsPerKvHead(q, layer);
    requirePages(geometry, budget.unit());
    if (scoring.reduction() == GroupReduction.SOFTMAX) {
      throw new ConfigException("reduction softmax runs on the CPU only; use max or sum");
    }
    PageScore score = scoring.score();
    int visiblePages = visiblePages(layer, loaded, rows);
    OpArguments.require("scores", scores, rows.count() * geometry.kvHeads(), scores.cols());
    Tensor digests = layer.digests().get(score);
    if (digests == null) {
      throw new IllegalArgumentException("the cache keeps no digests for page_score " + score);
    }
    int pairBytes = (geometry.digestColumns() * geometry.digestDType().bytes() / 16 | 1) * 16;
    int perBlock = 4 * scoredPerWarp(pairBytes);
    int sharedBytes =
        group * foldedBytes(q.dtype(), geometry.digestDType(), geometry.headDim())
            + perBlock * pairBytes;
    launch
        .of(CudaKernels.SCORE_PAGES.of(q.dtype(), geometry.digestDType()))
        .out(scores)
        .counters(loaded.readCounters())
        .in(q)
        .in(digests)
        .rows(loaded, rows.from())
        .integer(geometry.kvHeads())
        .integer(geometry.headDim())
        .integer(geometry.pageSize())
        .integer(group)
        .integer(layer.window())
        .integer(scores.rowStride())
        .integer(q.rowStride())
        .integer(scoring.score().code())
        .integer(scoring.reduction().ordinal())
        .budget(budget)
        .grid(ceilDiv(visiblePages, perBlock), geometry.kvHeads(), rows.count(), 128, sharedBytes);
  }

  /** Refuses digest blocks and lists of less than a page. */
  private static void requirePages(KvGeometry geometry, int unit) {
    int pageSize = geometry.pageSize();
    if (geometry.digestBlockSize() != pageSize || unit != pageSize) {
      throw new ConfigException(
          "digest_block_size "
              + geometry.digestBlockSize()
              + " and units of "
              + unit
              + " tokens run on the CPU only; use digest_block_size "
              + pageSize
              + ", the page_size");
    }
  }

  /** Pages that a warp of {@code score_pages} copies at once: 8 KB of digests. */
  private static int scoredPerWarp(int pairBytes) {
    return Math.max(4, Math.min(32, 8704 / pairBytes / 4 * 4));
  }

  /**
   * Of a head's folded query in {@code score_pages}: 16 bits a channel on tensor cores, else 32.
   */
  private static int foldedBytes(DType activations, DType digests, int headDim) {
    boolean tensorCores =
        activations == DType.BF16 && (digests == DType.BF16 || digests == DType.I8);
    return tensorCores ? 2 * (2 * headDim + 8) : 4 * 2 * headDim;
  }

  @Override
  public void topPages(
      PageList list,
      Tensor scores,
      int scoredTokens,
      KvLayer layer,
      LoadedBatch batch,
      RowRange rows,
      PageBudget budget) {
    CudaBatch loaded = CudaBatch.of(batch, rows);
    KvGeometry geometry = layer.geometry();
    CudaPageList target = CudaPageList.of(list, rows.count(), geometry.kvHeads());
    requirePages(geometry, budget.unit());
    target.fill(budget.unit(), longestList(layer, loaded, rows, budget));
    // Up to 32 KB of keys stay in shared memory; the rest is read again from L2. In whole 4 KB, so
    // that a growing context seldom changes the launch.
    int cachedPages = Math.min(8192, ceilDiv(visiblePages(layer, loaded, rows), 1024) * 1024);
    launch
        .of(CudaKernels.TOP_PAGES)
        .outInts(target.pagesAddress())
        .outInts(target.countsAddress())
        .in(scores)
        .rows(loaded, rows.from())
        .integer(target.shape().maxEntries())
        .integer(scores.rowStride())
        .integer(geometry.pageSize())
        .integer(layer.window())
        .integer(cachedPages)
        .budget(budget)
        .grid(geometry.kvHeads(), rows.count(), 1, topPagesThreads(cachedPages), 4 * cachedPages);
  }

  /** About four candidates a thread; the result does not depend on it. */
  private static int topPagesThreads(int pages) {
    return Math.max(64, Math.min(1024, Integer.highestOneBit(Math.max(1, pages / 4))));
  }

  @Override
  public void keepPages(
      PageList list, KvLayer layer, LoadedBatch batch, RowRange rows, PageBudget budget) {
    CudaBatch loaded = CudaBatch.of(batch, rows);
    KvGeometry geometry = layer.geometry();
    CudaPageList target = CudaPageList.of(list, rows.count(), geometry.kvHeads());
    requirePages(geometry, budget.unit());
    target.fill(budget.unit(), longestList(layer, loaded, rows, budget));
    launch
        .of(CudaKernels.KEEP_PAGES)
        .outInts(target.pagesAddress())
        .outInts(target.countsAddress())
        .rows(loaded, rows.from())
        .integer(target.shape().maxEntries())
        .integer(geometry.pageSize())
        .integer(layer.window())
        .budget(budget)
        .grid(geometry.kvHeads(), rows.count(), 1, 128, 0);
  }

  /** Most pages that a row of the range sees, an upper bound. */
  private static int visiblePages(KvLayer layer, CudaBatch batch, RowRange rows) {
    int most = 0;
    int pageSize = layer.geometry().pageSize();
    for (int row = rows.from(); row < rows.to(); row++) {
      int position = batch.host().positions()[row];
      most = Math.max(most, position / pageSize - layer.firstVisible(position) / pageSize + 1);
    }
    return most;
  }

  /** Length of the longest list of a range, exactly: the rule of {@link PageBudget}. */
  private static int longestList(KvLayer layer, CudaBatch batch, RowRange rows, PageBudget budget) {
    int longest = 0;
    int pageSize = layer.geometry().pageSize();
    for (int row = rows.from(); row < rows.to(); row++) {
      int position = batch.host().positions()[row];
      int visible = position / pageSize - layer.firstVisible(position) / pageSize + 1;
      longest =
          Math.max(longest, budget.readsAll(visible, position + 1) ? visible : budget.units());
    }
    return longest;
  }

  @Override
  public void attendPages(
      Tensor out,
      Tensor logSumExp,
      Tensor q,
      KvLayer layer,
      LoadedBatch batch,
      RowRange rows,
      PageList list,
      float scale) {
    requirePages(layer.geometry(), list.unit());
    kv.attendPages(out, logSumExp, q, layer, CudaBatch.of(batch, rows), rows, list, scale);
  }

  @Override
  public void attendPrefill(
      Tensor out,
      Tensor q,
      KvLayer layer,
      LoadedBatch batch,
      int fromSpan,
      int toSpan,
      float scale) {
    kv.attendPrefill(out, q, layer, CudaBatch.of(batch), fromSpan, toSpan, scale);
  }

  @Override
  public void mergeAttention(Tensor out, Tensor logSumExp, Tensor otherOut, Tensor otherLogSumExp) {
    int heads = logSumExp.cols();
    OpArguments.require("otherOut", otherOut, out.rows(), out.cols());
    OpArguments.require("otherLogSumExp", otherLogSumExp, out.rows(), heads);
    launch
        .of(CudaKernels.MERGE_ATTENTION.of(out.dtype()))
        .out(out)
        .out(logSumExp)
        .in(otherOut)
        .in(otherLogSumExp)
        .integer(out.cols() / heads)
        .integer(out.rowStride())
        .integer(logSumExp.rowStride())
        .integer(otherOut.rowStride())
        .integer(otherLogSumExp.rowStride())
        .grid(heads, out.rows(), 1, 64, 0);
  }

  @Override
  public void siluMul(Tensor out, Tensor gateUp) {
    OpArguments.require("gateUp", gateUp, out.rows(), 2 * out.cols());
    launch
        .of(CudaKernels.SILU_MUL.of(out.dtype()))
        .out(out)
        .in(gateUp)
        .integer(out.cols())
        .integer(out.rowStride())
        .integer(gateUp.rowStride())
        .grid(ceilDiv(out.cols(), ELEMENTWISE_BLOCK), out.rows(), 1, 256, 0);
  }

  @Override
  public void gatherRows(Tensor out, Tensor x, LoadedBatch batch) {
    CudaBatch loaded = CudaBatch.of(batch);
    int logitRows = loaded.host().logitRows().length;
    OpArguments.require("out", out, logitRows, x.cols());
    launch
        .of(CudaKernels.GATHER_ROWS.of(out.dtype()))
        .out(out)
        .in(x)
        .inInts(loaded.logitRows())
        .integer(x.cols())
        .integer(out.rowStride())
        .integer(x.rowStride())
        .grid(logitRows, 1, 1, 256, 0);
  }
}
