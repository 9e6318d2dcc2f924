package dev.questspark.engine.ops.cpu.prefix;

import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Scoring;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.pages.CpuPageList;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import dev.questspark.engine.ops.prefix.KeptSlots;
import dev.questspark.engine.ops.prefix.PrefixOps;
import dev.questspark.engine.ops.prefix.PrefixPages;
import dev.questspark.engine.ops.prefix.PrefixRows;
import dev.questspark.engine.ops.prefix.PrefixTable;

/** The ops on prefixes: a table of contents. */
public final class CpuPrefixOps implements PrefixOps {
  private final CpuCompression compression;
  private final CpuColumnMax columns;
  private final CpuPrefixScores scores;
  private final CpuPrefixSelection selection;
  private final CpuPrefixAttention attention;

  public CpuPrefixOps(Workers workers, SimdOps[] simd) {
    this.compression = new CpuCompression(workers, simd);
    this.columns = new CpuColumnMax(workers, simd);
    this.scores = new CpuPrefixScores(workers, simd);
    this.selection = new CpuPrefixSelection(workers, simd);
    this.attention = new CpuPrefixAttention(workers, simd);
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
      Tensor ofKeys,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      RowRange rows,
      int first,
      RowRange chunk,
      int ownFrom,
      float scale,
      float cap) {
    columns.columnMax(ofKeys, q, kv, batch, rows, first, chunk, ownFrom, scale, cap);
  }

  @Override
  public void scorePrefix(
      Tensor target,
      Tensor q,
      PrefixRows prefixes,
      int layer,
      LoadedBatch batch,
      RowRange rows,
      Scoring scoring,
      PageBudget budget) {
    scores.scorePrefix(target, q, prefixes, layer, batch, rows, scoring, budget);
  }

  @Override
  public void topPrefix(
      PageList list,
      Tensor ofTiles,
      PrefixRows prefixes,
      int layer,
      LoadedBatch batch,
      RowRange rows,
      PageBudget budget) {
    selection.select(list, ofTiles, prefixes, layer, batch, rows, budget);
  }

  @Override
  public void keepPrefix(
      PageList list,
      PrefixRows prefixes,
      int layer,
      LoadedBatch batch,
      RowRange rows,
      PageBudget budget) {
    selection.select(list, null, prefixes, layer, batch, rows, budget);
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
    CpuPageList lists = CpuPageList.of(list, rows.count(), kvHeads);
    attention.attendPrefix(out, logSumExp, q, prefixes, layer, batch, rows, lists, scale, cap);
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
    attention.attendPrefix(out, logSumExp, q, prefixes, layer, batch, rows, null, scale, cap);
  }
}
