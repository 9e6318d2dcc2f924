package dev.questspark.engine.ops.cuda;

import static dev.questspark.engine.ops.cuda.driver.CudaShapes.ceilDiv;

import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Scoring;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cuda.driver.CudaKernels;
import dev.questspark.engine.ops.cuda.step.CudaBatch;
import dev.questspark.engine.ops.cuda.step.CudaPageList;
import dev.questspark.engine.ops.cuda.step.DigestScoring;
import dev.questspark.engine.ops.cuda.step.Launch;
import dev.questspark.engine.ops.digest.GroupReduction;

/** The ops that decide what a row reads: they score digests and fill lists. */
final class CudaPageSelection {
  private final Launch launch;

  CudaPageSelection(Launch launch) {
    this.launch = launch;
  }

  void scorePages(
      Tensor scores,
      Tensor q,
      KvLayer layer,
      CudaBatch batch,
      RowRange rows,
      Scoring scoring,
      PageBudget budget) {
    KvGeometry geometry = layer.geometry();
    requireUnit(budget, geometry, geometry.digestBlockSize());
    int group = OpArguments.queryHeadsPerKvHead(q, layer);
    int blocks = mostScores(layer, batch, rows, geometry.digestBlockSize());
    OpArguments.require("q", q, rows.to(), q.cols());
    requireScores(scores, layer, batch, rows, geometry.digestBlockSize(), budget);
    Tensor digests = layer.digests().get(scoring.score());
    if (digests == null) {
      throw new IllegalArgumentException(
          "no " + scoring.score() + " digests are kept; the cache has " + layer.digests().keySet());
    }
    boolean softmax = scoring.reduction() == GroupReduction.SOFTMAX;
    Tensor target = softmax ? scoring.headScores().orElseThrow() : scores;
    if (softmax) {
      OpArguments.require(
          "head scores", target, rows.count() * geometry.kvHeads() * group, scores.cols());
    }
    DigestScoring shape =
        new DigestScoring(q.dtype(), geometry.digestDType(), geometry.headDim(), group);
    launch
        .of(CudaKernels.SCORE_PAGES.of(q.dtype(), geometry.digestDType()))
        .out(target)
        .counters(batch.readCounters())
        .in(q)
        .in(digests)
        .rows(batch, rows.from())
        .integer(geometry.kvHeads())
        .integer(geometry.headDim())
        .integer(budget.unit())
        .integer(geometry.digestBlockSize())
        .integer(geometry.blocksPerPage())
        .integer(group)
        .integer(layer.window())
        .integer(target.rowStride())
        .integer(q.rowStride())
        .integer(scoring.score().code())
        .integer(scoring.reduction().ordinal())
        .budget(budget)
        .grid(
            ceilDiv(blocks, shape.unitsPerBlock()),
            geometry.kvHeads(),
            rows.count(),
            DigestScoring.THREADS,
            shape.sharedBytes());
    if (softmax) {
      reduceBySoftmax(scores, target, layer, batch, rows, scoring.scale(), budget, group);
    }
  }

  /** Reduces the scores of a group's heads, of which each has a row, to one row. */
  private void reduceBySoftmax(
      Tensor scores,
      Tensor headScores,
      KvLayer layer,
      CudaBatch batch,
      RowRange rows,
      float scale,
      PageBudget budget,
      int group) {
    KvGeometry geometry = layer.geometry();
    launch
        .of(CudaKernels.SOFTMAX_SCORES)
        .out(scores)
        .in(headScores)
        .rows(batch, rows.from())
        .integer(budget.unit())
        .integer(geometry.digestBlockSize())
        .integer(group)
        .integer(layer.window())
        .integer(scores.rowStride())
        .integer(headScores.rowStride())
        .real(scale)
        .budget(budget)
        .grid(geometry.kvHeads(), rows.count(), 1, DigestScoring.SOFTMAX_THREADS, 8 * group);
  }

  void topPages(
      PageList list,
      Tensor scores,
      int scoredTokens,
      KvLayer layer,
      CudaBatch batch,
      RowRange rows,
      PageBudget budget) {
    KvGeometry geometry = layer.geometry();
    requireUnit(budget, geometry, scoredTokens);
    requireScores(scores, layer, batch, rows, scoredTokens, budget);
    CudaPageList target = filled(list, layer, batch, rows, budget);
    int units = mostScores(layer, batch, rows, budget.unit());
    int cachedUnits = DigestScoring.cachedUnits(units);
    launch
        .of(budget.unit() == scoredTokens ? CudaKernels.TOP_PAGES : CudaKernels.TOP_PAGES_OF_PARTS)
        .outInts(target.entriesAddress())
        .outInts(target.countsAddress())
        .in(scores)
        .rows(batch, rows.from())
        .integer(target.shape().maxEntries())
        .integer(scores.rowStride())
        .integer(budget.unit())
        .integer(scoredTokens)
        .integer(layer.window())
        .integer(cachedUnits)
        .budget(budget)
        .grid(
            geometry.kvHeads(),
            rows.count(),
            1,
            DigestScoring.topThreads(cachedUnits),
            4 * cachedUnits);
  }

  void keepPages(PageList list, KvLayer layer, CudaBatch batch, RowRange rows, PageBudget budget) {
    CudaPageList target = filled(list, layer, batch, rows, budget);
    launch
        .of(CudaKernels.KEEP_PAGES)
        .outInts(target.entriesAddress())
        .outInts(target.countsAddress())
        .rows(batch, rows.from())
        .integer(target.shape().maxEntries())
        .integer(budget.unit())
        .integer(layer.window())
        .budget(budget)
        .grid(layer.geometry().kvHeads(), rows.count(), 1, 128, 0);
  }

  /** A list that is about to be filled, with the length of its longest: the budget's rule. */
  private static CudaPageList filled(
      PageList list, KvLayer layer, CudaBatch batch, RowRange rows, PageBudget budget) {
    budget.requireDivides(layer.geometry().pageSize());
    CudaPageList target = CudaPageList.of(list, rows.count(), layer.geometry().kvHeads());
    int longest = 0;
    for (int row = rows.from(); row < rows.to(); row++) {
      int position = batch.host().positions()[row];
      int visible = position / budget.unit() - layer.firstVisible(position) / budget.unit() + 1;
      longest =
          Math.max(longest, budget.readsAll(visible, position + 1) ? visible : budget.units());
    }
    target.fill(budget.unit(), longest);
    return target;
  }

  private static void requireUnit(PageBudget budget, KvGeometry geometry, int scoredTokens) {
    budget.requireDivides(geometry.pageSize());
    if (budget.unit() % scoredTokens != 0) {
      throw new IllegalArgumentException(
          "units of " + budget.unit() + " tokens with a score for every " + scoredTokens);
    }
  }

  /** Requires room for the scores of every row that is not read whole: the kernel checks none. */
  private static void requireScores(
      Tensor scores,
      KvLayer layer,
      CudaBatch batch,
      RowRange rows,
      int scoredTokens,
      PageBudget budget) {
    OpArguments.require("scores", scores, rows.count() * layer.geometry().kvHeads(), scores.cols());
    for (int row = rows.from(); row < rows.to(); row++) {
      int position = batch.host().positions()[row];
      int needed = position / budget.unit() * (budget.unit() / scoredTokens);
      if (needed > scores.cols() && !budget.readsAllFrom(layer.firstVisible(position), position)) {
        throw new IllegalArgumentException(
            "row " + row + " has " + needed + " scores, room for " + scores.cols());
      }
    }
  }

  /** Most runs of {@code tokens} tokens that a row of the range sees, an upper bound. */
  private static int mostScores(KvLayer layer, CudaBatch batch, RowRange rows, int tokens) {
    int most = 0;
    for (int row = rows.from(); row < rows.to(); row++) {
      int position = batch.host().positions()[row];
      most = Math.max(most, position / tokens - layer.firstVisible(position) / tokens + 1);
    }
    return most;
  }
}
