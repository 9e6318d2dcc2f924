package dev.questspark.engine.ops.cuda.prefix;

import static dev.questspark.engine.ops.cuda.driver.CudaShapes.ceilDiv;

import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Scoring;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cuda.driver.PrefixKernels;
import dev.questspark.engine.ops.cuda.step.CudaBatch;
import dev.questspark.engine.ops.cuda.step.CudaPageList;
import dev.questspark.engine.ops.cuda.step.DigestScoring;
import dev.questspark.engine.ops.cuda.step.Launch;
import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.prefix.PrefixBudget;
import dev.questspark.engine.ops.prefix.PrefixGeometry;
import dev.questspark.engine.ops.prefix.PrefixRows;
import dev.questspark.engine.ops.prefix.PrefixTable;

/** The ops that decide what a row reads of its prefix: they score digests and fill lists. */
final class CudaPrefixSelection {
  private final Launch launch;
  private final DeviceTables tables;

  CudaPrefixSelection(Launch launch, DeviceTables tables) {
    this.launch = launch;
    this.tables = tables;
  }

  void scorePrefix(
      Tensor scores,
      Tensor q,
      PrefixRows prefixes,
      int layer,
      CudaBatch batch,
      RowRange rows,
      Scoring scoring,
      PageBudget budget) {
    PrefixGeometry geometry = prefixes.pages().geometry();
    requireUnit(budget, geometry);
    int kvHeads = prefixes.tables().get(0).kvHeads();
    int group = q.cols() / geometry.headDim() / kvHeads;
    int most = mostTiles(prefixes, layer, rows, geometry.tile());
    OpArguments.require("q", q, rows.to(), kvHeads * group * geometry.headDim());
    requireScores(scores, rows.count() * kvHeads, most);
    Tensor digests = CudaPrefixOps.slab(prefixes.pages()).digests().get(scoring.score());
    if (digests == null) {
      throw new IllegalArgumentException(
          "no "
              + scoring.score()
              + " digests are kept; the prefix store has "
              + prefixes.pages().slabs().get(0).digests().keySet());
    }
    boolean softmax = scoring.reduction() == GroupReduction.SOFTMAX;
    Tensor target = softmax ? scoring.headScores().orElseThrow() : scores;
    if (softmax) {
      OpArguments.require("head scores", target, rows.count() * kvHeads * group, scores.cols());
    }
    tables.stage(prefixes, batch);
    DigestScoring shape =
        new DigestScoring(q.dtype(), geometry.digestDType(), geometry.headDim(), group);
    launch
        .of(PrefixKernels.SCORE_PREFIX.of(q.dtype(), geometry.digestDType()))
        .out(target)
        .counters(batch.readCounters())
        .in(q)
        .in(digests);
    rows(prefixes, layer, batch, rows)
        .integer(geometry.headDim())
        .integer(budget.unit())
        .integer(geometry.tile())
        .integer(group)
        .integer(target.rowStride())
        .integer(q.rowStride())
        .integer(scoring.score().code())
        .integer(scoring.reduction().ordinal())
        .budget(budget)
        .grid(
            ceilDiv(most, shape.unitsPerBlock()),
            kvHeads,
            rows.count(),
            DigestScoring.THREADS,
            shape.sharedBytes());
    if (softmax) {
      launch.of(PrefixKernels.SOFTMAX_PREFIX).out(scores).in(target);
      rows(prefixes, layer, batch, rows)
          .integer(budget.unit())
          .integer(geometry.tile())
          .integer(group)
          .integer(scores.rowStride())
          .integer(target.rowStride())
          .real(scoring.scale())
          .budget(budget)
          .grid(kvHeads, rows.count(), 1, DigestScoring.SOFTMAX_THREADS, 8 * group);
    }
  }

  void topPrefix(
      PageList list,
      Tensor scores,
      PrefixRows prefixes,
      int layer,
      CudaBatch batch,
      RowRange rows,
      PageBudget budget) {
    PrefixGeometry geometry = prefixes.pages().geometry();
    requireUnit(budget, geometry);
    int kvHeads = prefixes.tables().get(0).kvHeads();
    int most = mostTiles(prefixes, layer, rows, geometry.tile());
    int units = ceilDiv(most * geometry.tile(), budget.unit());
    requireScores(scores, rows.count() * kvHeads, units * (budget.unit() / geometry.tile()));
    tables.stage(prefixes, batch);
    CudaPageList target = filled(list, prefixes, layer, batch, rows, budget);
    int cachedUnits = DigestScoring.cachedUnits(units);
    launch
        .of(PrefixKernels.TOP_PREFIX)
        .outInts(target.entriesAddress())
        .outInts(target.countsAddress())
        .out(scores);
    rows(prefixes, layer, batch, rows)
        .integer(target.shape().maxEntries())
        .integer(scores.rowStride())
        .integer(budget.unit())
        .integer(geometry.tile())
        .integer(cachedUnits)
        .budget(budget)
        .grid(kvHeads, rows.count(), 1, DigestScoring.topThreads(cachedUnits), 4 * cachedUnits);
  }

  void keepPrefix(
      PageList list,
      PrefixRows prefixes,
      int layer,
      CudaBatch batch,
      RowRange rows,
      PageBudget budget) {
    budget.requireDivides(PrefixGeometry.SLOTS);
    tables.stage(prefixes, batch);
    CudaPageList target = filled(list, prefixes, layer, batch, rows, budget);
    launch
        .of(PrefixKernels.KEEP_PREFIX)
        .outInts(target.entriesAddress())
        .outInts(target.countsAddress());
    rows(prefixes, layer, batch, rows)
        .integer(target.shape().maxEntries())
        .integer(budget.unit())
        .budget(budget)
        .grid(prefixes.tables().get(0).kvHeads(), rows.count(), 1, 128, 0);
  }

  /** Where rows find their prefixes, and their own places behind them. */
  private Launch rows(PrefixRows prefixes, int layer, CudaBatch batch, RowRange rows) {
    PrefixTable any = prefixes.tables().get(0);
    return launch
        .inInts(tables.tables())
        .inInts(tables.rowTables())
        .inInts(batch.positions())
        .integer(rows.from())
        .integer(layer * any.kvHeads())
        .integer(any.slots().length);
  }

  /** A list that is about to be filled, with the length of its longest: the budget's rule. */
  private static CudaPageList filled(
      PageList list,
      PrefixRows prefixes,
      int layer,
      CudaBatch batch,
      RowRange rows,
      PageBudget budget) {
    int kvHeads = prefixes.tables().get(0).kvHeads();
    CudaPageList target = CudaPageList.of(list, rows.count(), kvHeads);
    int longest = 0;
    for (int row = rows.from(); row < rows.to(); row++) {
      PrefixTable table = prefixes.table(row);
      int suffix = batch.host().positions()[row] + 1;
      for (int head = 0; head < kvHeads; head++) {
        int slots = table.slots(layer, head);
        longest =
            Math.max(
                longest, PrefixBudget.of(budget, slots, suffix, table.tokens() + suffix).read());
      }
    }
    target.fill(budget.unit(), longest);
    return target;
  }

  private static void requireUnit(PageBudget budget, PrefixGeometry geometry) {
    budget.requireDivides(PrefixGeometry.SLOTS);
    if (budget.unit() % geometry.tile() != 0) {
      throw new IllegalArgumentException(
          "units of " + budget.unit() + " tokens with a digest for every " + geometry.tile());
    }
  }

  /** The kernels check no room. */
  private static void requireScores(Tensor scores, int lists, int most) {
    OpArguments.require("scores", scores, lists, scores.cols());
    if (most > scores.cols()) {
      throw new IllegalArgumentException(
          "a prefix has " + most + " tiles to score, room for " + scores.cols());
    }
  }

  /** Most tiles of any head of the rows' prefixes. */
  private static int mostTiles(PrefixRows prefixes, int layer, RowRange rows, int tile) {
    return ceilDiv(CudaPrefixOps.mostSlots(prefixes, layer, rows), tile);
  }
}
