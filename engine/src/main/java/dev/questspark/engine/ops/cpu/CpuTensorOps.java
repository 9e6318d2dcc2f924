package dev.questspark.engine.ops.cpu;

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
import dev.questspark.engine.ops.cpu.attention.CpuColumnMass;
import dev.questspark.engine.ops.cpu.attention.CpuPageAttention;
import dev.questspark.engine.ops.cpu.attention.PrefillAttention;
import dev.questspark.engine.ops.cpu.gemm.Gemm;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.pages.CpuBlockSelection;
import dev.questspark.engine.ops.cpu.pages.CpuKvAppend;
import dev.questspark.engine.ops.cpu.pages.CpuPageScores;
import dev.questspark.engine.ops.cpu.pages.CpuPageSelection;
import dev.questspark.engine.ops.cpu.pages.CpuTokenPruning;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import dev.questspark.engine.ops.prefill.BlockBudget;
import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.BlockScoring;
import dev.questspark.engine.ops.prefill.Segments;
import dev.questspark.engine.ops.prefill.TileSkipping;
import dev.questspark.engine.ops.prune.TokenPruning;

/** The ops on the CPU: a table of contents, each line leading to the class of its family. */
final class CpuTensorOps implements TensorOps {
  private final Gemm gemm;
  private final CpuElementwise elementwise;
  private final CpuActivations activations;
  private final CpuExperts experts;
  private final CpuKvAppend append;
  private final CpuPageScores pageScores;
  private final CpuPageSelection selection;
  private final CpuTokenPruning pruning;
  private final CpuBlockSelection blockSelection;
  private final CpuPageAttention attention;
  private final PrefillAttention prefill;
  private final CpuColumnMass columns;

  CpuTensorOps(Workers workers, SimdOps[] simd, Gemm gemm, PrefillAttention prefill) {
    this.gemm = gemm;
    this.elementwise = new CpuElementwise(workers, simd);
    this.activations = new CpuActivations(workers, simd);
    this.experts = new CpuExperts(workers, gemm);
    this.append = new CpuKvAppend(workers, simd);
    this.pageScores = new CpuPageScores(workers, simd);
    this.selection = new CpuPageSelection(workers, simd);
    this.blockSelection = new CpuBlockSelection(workers);
    this.pruning = new CpuTokenPruning(workers, simd);
    this.attention = new CpuPageAttention(workers, simd);
    this.prefill = prefill;
    this.columns = new CpuColumnMass(workers, simd);
  }

  @Override
  public void embed(Tensor out, Tensor table, LoadedBatch batch) {
    elementwise.embed(out, table, batch);
  }

  @Override
  public void rmsNorm(Tensor out, Tensor x, Tensor weight, float eps) {
    elementwise.rmsNorm(out, x, weight, eps);
  }

  @Override
  public void addRmsNorm(Tensor out, Tensor x, Tensor y, Tensor weight, float eps) {
    elementwise.addRmsNorm(out, x, y, weight, eps);
  }

  @Override
  public void scale(Tensor x, float factor) {
    elementwise.scale(x, factor);
  }

  @Override
  public void add(Tensor x, Tensor y) {
    elementwise.add(x, y);
  }

  @Override
  public void layerNorm(Tensor out, Tensor x, Tensor weight, Tensor bias, float eps) {
    elementwise.layerNorm(out, x, weight, bias, eps);
  }

  @Override
  public void linear(Tensor out, Tensor x, LinearWeight weight) {
    OpArguments.require("x", x, 0, weight.inFeatures());
    OpArguments.require("out", out, x.rows(), weight.outFeatures());
    gemm.linear(out, x, weight);
  }

  @Override
  public void appendKv(KvLayer kv, Tensor q, Tensor k, Tensor v, Tensor rope, LoadedBatch batch) {
    append.appendKv(kv, q, k, v, rope, batch);
  }

  @Override
  public void copyPages(KvLayer kv, int[] from, int[] to) {
    append.copyPages(kv, from, to);
  }

  @Override
  public void scorePages(
      Tensor scores,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      RowRange rows,
      Scoring scoring,
      PageBudget budget) {
    pageScores.scorePages(scores, q, kv, batch, rows, scoring, budget);
  }

  @Override
  public void topPages(
      PageList list,
      Tensor scores,
      int scoredTokens,
      KvLayer kv,
      LoadedBatch batch,
      RowRange rows,
      PageBudget budget) {
    selection.topPages(list, scores, scoredTokens, kv, batch, rows, budget);
  }

  @Override
  public void keepPages(
      PageList list, KvLayer kv, LoadedBatch batch, RowRange rows, PageBudget budget) {
    selection.keepPages(list, kv, batch, rows, budget);
  }

  @Override
  public void pruneTokens(
      PageList list,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      RowRange rows,
      TokenPruning pruned,
      float scale) {
    pruning.pruneTokens(list, q, kv, batch, rows, pruned, scale);
  }

  @Override
  public void attendPages(
      Tensor out,
      Tensor logSumExp,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      RowRange rows,
      PageList list,
      float scale,
      float cap) {
    attention.attendPages(out, logSumExp, q, kv, batch, rows, list, scale, cap);
  }

  @Override
  public void attendPrefill(
      Tensor out,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      int fromSpan,
      int toSpan,
      float scale,
      float cap) {
    prefill.attendPrefill(out, q, kv, batch, fromSpan, toSpan, scale, cap);
  }

  @Override
  public void attendPrefill(
      Tensor out,
      Tensor logSumExp,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      BlockList list,
      TileSkipping skipping,
      float scale,
      float cap) {
    prefill.attendPrefill(out, logSumExp, q, kv, batch, list, skipping, scale, cap);
  }

  @Override
  public void keepBlocks(BlockList list, int first, int last) {
    blockSelection.keepBlocks(list, first, last);
  }

  @Override
  public void scoreBlocks(
      Tensor scores,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      Segments segments,
      BlockScoring scoring,
      BlockBudget budget,
      float scale,
      float cap) {
    prefill.scoreBlocks(scores, q, kv, batch, segments, scoring, budget, scale, cap);
  }

  @Override
  public void topBlocks(BlockList list, Tensor scores, BlockBudget budget, int fewestRows) {
    blockSelection.topBlocks(list, scores, budget, fewestRows);
  }

  @Override
  public void columnMass(
      Tensor mass,
      Tensor logSumExp,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      RowRange rows,
      float scale,
      float cap,
      boolean add) {
    columns.columnMass(mass, logSumExp, q, kv, batch, rows, scale, cap, add);
  }

  @Override
  public void mergeAttention(Tensor out, Tensor logSumExp, Tensor otherOut, Tensor otherLogSumExp) {
    attention.mergeAttention(out, logSumExp, otherOut, otherLogSumExp);
  }

  @Override
  public void siluMul(Tensor out, Tensor gateUp) {
    activations.siluMul(out, gateUp);
  }

  @Override
  public void geluMul(Tensor out, Tensor gateUp) {
    activations.geluMul(out, gateUp);
  }

  @Override
  public void xielu(Tensor x, float square, float exponential, float slope) {
    activations.xielu(x, square, exponential, slope);
  }

  @Override
  public void softCap(Tensor x, float cap) {
    activations.softCap(x, cap);
  }

  @Override
  public void routeExperts(Tensor choice, Tensor logits, boolean normalise) {
    experts.routeExperts(choice, logits, normalise);
  }

  @Override
  public void linearExperts(Tensor out, Tensor x, Tensor choice, LinearWeight weights) {
    experts.linearExperts(out, x, choice, weights);
  }

  @Override
  public void mixExperts(Tensor out, Tensor x, Tensor choice) {
    experts.mixExperts(out, x, choice);
  }

  @Override
  public void gatherRows(Tensor out, Tensor x, LoadedBatch batch) {
    elementwise.gatherRows(out, x, batch);
  }
}
