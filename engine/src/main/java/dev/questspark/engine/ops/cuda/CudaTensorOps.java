package dev.questspark.engine.ops.cuda;

import static dev.questspark.engine.ops.cuda.driver.CudaShapes.ceilDiv;

import dev.questspark.engine.failure.ConfigException;
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
import dev.questspark.engine.ops.cuda.driver.KernelFamily;
import dev.questspark.engine.ops.cuda.step.CudaBatch;
import dev.questspark.engine.ops.cuda.step.Launch;
import dev.questspark.engine.ops.prefill.BlockBudget;
import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.BlockScoring;
import dev.questspark.engine.ops.prefill.Segments;
import dev.questspark.engine.ops.prefill.TileSkipping;
import dev.questspark.engine.ops.prune.TokenPruning;

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
  private final CudaPageSelection selection;
  private final CudaBlockSelection blocks;
  private final CudaExpertOps experts;

  CudaTensorOps(Launch launch, CudaGemm gemm, CudaKvOps kv, CudaBlockSelection blocks) {
    this.launch = launch;
    this.gemm = gemm;
    this.kv = kv;
    this.selection = new CudaPageSelection(launch);
    this.blocks = blocks;
    this.experts = new CudaExpertOps(launch);
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

  @Override
  public void layerNorm(Tensor out, Tensor x, Tensor weight, Tensor bias, float eps) {
    int channels = weight.cols();
    OpArguments.require("x", x, 0, channels);
    OpArguments.require("out", out, x.rows(), channels);
    OpArguments.require("bias", bias, 1, channels);
    launch
        .of(CudaKernels.LAYER_NORM.of(out.dtype()))
        .out(out)
        .in(x)
        .in(weight)
        .in(bias)
        .integer(channels)
        .integer(out.rowStride())
        .integer(x.rowStride())
        .real(eps)
        .grid(1, x.rows(), 1, normThreads(channels), 0);
  }

  @Override
  public void scale(Tensor x, float factor) {
    launch
        .of(CudaKernels.SCALE.of(x.dtype()))
        .out(x)
        .integer(x.cols())
        .integer(x.rowStride())
        .real(factor)
        .grid(ceilDiv(x.cols(), ELEMENTWISE_BLOCK), x.rows(), 1, 256, 0);
  }

  @Override
  public void add(Tensor x, Tensor y) {
    OpArguments.require("y", y, x.rows(), x.cols());
    launch
        .of(CudaKernels.ADD.of(x.dtype()))
        .out(x)
        .in(y)
        .integer(x.cols())
        .integer(x.rowStride())
        .integer(y.rowStride())
        .grid(ceilDiv(x.cols(), ELEMENTWISE_BLOCK), x.rows(), 1, 256, 0);
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
    selection.scorePages(scores, q, layer, CudaBatch.of(batch, rows), rows, scoring, budget);
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
    selection.topPages(list, scores, scoredTokens, layer, CudaBatch.of(batch, rows), rows, budget);
  }

  @Override
  public void keepPages(
      PageList list, KvLayer layer, LoadedBatch batch, RowRange rows, PageBudget budget) {
    selection.keepPages(list, layer, CudaBatch.of(batch, rows), rows, budget);
  }

  /** The policy that needs it is refused before any work. */
  @Override
  public void pruneTokens(
      PageList list,
      Tensor q,
      KvLayer layer,
      LoadedBatch batch,
      RowRange rows,
      TokenPruning pruning,
      float scale) {
    throw new ConfigException("tokens are pruned on the CPU only; use backend cpu");
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
      float scale,
      float cap) {
    kv.attendPages(out, logSumExp, q, layer, CudaBatch.of(batch, rows), rows, list, scale, cap);
  }

  @Override
  public void attendPrefill(
      Tensor out,
      Tensor q,
      KvLayer layer,
      LoadedBatch batch,
      int fromSpan,
      int toSpan,
      float scale,
      float cap) {
    kv.attendPrefill(out, q, layer, CudaBatch.of(batch), fromSpan, toSpan, scale, cap);
  }

  @Override
  public void attendPrefill(
      Tensor out,
      Tensor logSumExp,
      Tensor q,
      KvLayer layer,
      LoadedBatch batch,
      BlockList list,
      TileSkipping skipping,
      float scale,
      float cap) {
    kv.attendPrefill(out, logSumExp, q, layer, CudaBatch.of(batch), list, skipping, scale, cap);
  }

  @Override
  public void keepBlocks(BlockList list, int first, int last) {
    blocks.keepBlocks(list, first, last);
  }

  @Override
  public void scoreBlocks(
      Tensor scores,
      Tensor q,
      KvLayer layer,
      LoadedBatch batch,
      Segments segments,
      BlockScoring scoring,
      BlockBudget budget,
      float scale,
      float cap) {
    blocks.scoreBlocks(
        scores, q, layer, CudaBatch.of(batch), segments, scoring, budget, scale, cap);
  }

  @Override
  public void topBlocks(BlockList list, Tensor scores, BlockBudget budget, int fewestRows) {
    blocks.topBlocks(list, scores, budget, fewestRows);
  }

  @Override
  public void columnMass(
      Tensor mass,
      Tensor logSumExp,
      Tensor q,
      KvLayer layer,
      LoadedBatch batch,
      RowRange rows,
      float scale,
      float cap,
      boolean add) {
    kv.columnMass(mass, logSumExp, q, layer, CudaBatch.of(batch, rows), rows, scale, cap, add);
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
    gatedMul(CudaKernels.SILU_MUL, out, gateUp);
  }

  @Override
  public void geluMul(Tensor out, Tensor gateUp) {
    gatedMul(CudaKernels.GELU_MUL, out, gateUp);
  }

  private void gatedMul(KernelFamily kernels, Tensor out, Tensor gateUp) {
    OpArguments.require("gateUp", gateUp, out.rows(), 2 * out.cols());
    launch
        .of(kernels.of(out.dtype()))
        .out(out)
        .in(gateUp)
        .integer(out.cols())
        .integer(out.rowStride())
        .integer(gateUp.rowStride())
        .grid(ceilDiv(out.cols(), ELEMENTWISE_BLOCK), out.rows(), 1, 256, 0);
  }

  @Override
  public void xielu(Tensor x, float square, float exponential, float slope) {
    launch
        .of(CudaKernels.XIELU.of(x.dtype()))
        .out(x)
        .integer(x.cols())
        .integer(x.rowStride())
        .real(square)
        .real(exponential)
        .real(slope)
        .grid(ceilDiv(x.cols(), ELEMENTWISE_BLOCK), x.rows(), 1, 256, 0);
  }

  @Override
  public void softCap(Tensor x, float cap) {
    launch
        .of(CudaKernels.SOFT_CAP)
        .out(x)
        .integer(x.cols())
        .integer(x.rowStride())
        .real(cap)
        .grid(ceilDiv(x.cols(), ELEMENTWISE_BLOCK), x.rows(), 1, 256, 0);
  }

  @Override
  public void routeExperts(Tensor choice, Tensor logits, boolean normalise) {
    experts.routeExperts(choice, logits, normalise);
  }

  @Override
  public void linearExperts(Tensor out, Tensor x, Tensor choice, LinearWeight weights) {
    experts.linearExperts(out, x, choice, CudaLinearWeight.of(weights));
  }

  @Override
  public void mixExperts(Tensor out, Tensor x, Tensor choice) {
    experts.mixExperts(out, x, choice);
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
