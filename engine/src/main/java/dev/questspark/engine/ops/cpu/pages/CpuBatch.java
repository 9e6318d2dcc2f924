package dev.questspark.engine.ops.cpu.pages;

import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.ReadCounters;
import dev.questspark.engine.ops.RowRange;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLongArray;

/** The step's batch with the span of every row, and the row's read counters. */
public final class CpuBatch implements LoadedBatch {
  private final RaggedBatch host;
  private final int[] spanOfRow;
  // Heads of one row are read by several workers; each adds once per (row, head).
  private final AtomicLongArray pagesScored;
  private final AtomicLongArray tokensEstimated;
  private final AtomicLongArray pagesAttended;
  private final AtomicLongArray tokensAttended;
  private final AtomicLongArray blocksComputed;
  private final AtomicLongArray prefixTokens;
  private final HostClock clock = new HostClock();

  public CpuBatch(RaggedBatch host) {
    int rows = host.rows();
    this.host = host;
    this.spanOfRow = new int[rows];
    for (int s = 0; s < host.spans(); s++) {
      Arrays.fill(spanOfRow, host.spanRows()[s], host.spanRows()[s + 1], s);
    }
    this.pagesScored = new AtomicLongArray(rows);
    this.tokensEstimated = new AtomicLongArray(rows);
    this.pagesAttended = new AtomicLongArray(rows);
    this.tokensAttended = new AtomicLongArray(rows);
    this.blocksComputed = new AtomicLongArray(rows);
    this.prefixTokens = new AtomicLongArray(rows);
  }

  public static CpuBatch of(LoadedBatch batch) {
    if (batch instanceof CpuBatch cpu) {
      return cpu;
    }
    throw new IllegalArgumentException("the batch was loaded by another backend");
  }

  public static CpuBatch of(LoadedBatch batch, RowRange rows) {
    CpuBatch cpu = of(batch);
    OpArguments.requireRows(rows, cpu.host);
    return cpu;
  }

  int rows() {
    return host.rows();
  }

  public int position(int row) {
    return host.positions()[row];
  }

  /** Position whose angle the row turns by. */
  int ropePosition(int row) {
    return host.ropePositions()[row];
  }

  /** Page id of logical page {@code logical} of the row's sequence. */
  public int page(int row, int logical) {
    int span = spanOfRow[row];
    int entry = host.spanPages()[span] + logical;
    if (logical < 0 || entry >= host.spanPages()[span + 1]) {
      throw new IllegalArgumentException(
          "row "
              + row
              + " at position "
              + position(row)
              + " needs logical page "
              + logical
              + " of a page table of "
              + (host.spanPages()[span + 1] - host.spanPages()[span]));
    }
    return host.pageTable()[entry];
  }

  /** First position that the row sees. */
  int firstVisible(int row, KvLayer kv) {
    return kv.firstVisible(position(row));
  }

  public void countScored(int row, int digests) {
    pagesScored.addAndGet(row, digests);
  }

  void countEstimated(int row, int tokens) {
    tokensEstimated.addAndGet(row, tokens);
  }

  public void countAttended(int row, int entries, long tokens) {
    pagesAttended.addAndGet(row, entries);
    tokensAttended.addAndGet(row, tokens);
  }

  /** Tokens of a prefix, which count as attended too. */
  public void countPrefix(int row, int entries, long tokens) {
    countAttended(row, entries, tokens);
    prefixTokens.addAndGet(row, tokens);
  }

  public void countBlocks(int row, int blocks) {
    blocksComputed.addAndGet(row, blocks);
  }

  @Override
  public Clock clock() {
    return clock;
  }

  @Override
  public RaggedBatch host() {
    return host;
  }

  @Override
  public ReadCounters counters() {
    return new ReadCounters(
        copy(pagesScored),
        copy(tokensEstimated),
        copy(pagesAttended),
        copy(tokensAttended),
        copy(blocksComputed),
        copy(prefixTokens));
  }

  private static long[] copy(AtomicLongArray counts) {
    long[] copy = new long[counts.length()];
    Arrays.setAll(copy, counts::get);
    return copy;
  }
}
