package dev.questspark.engine.ops.cuda.step;

import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.ReadCounters;
import dev.questspark.engine.ops.RowRange;

/** A step's batch in device memory: addresses of its arrays, and the host's view. */
public final class CudaBatch implements LoadedBatch {
  private final BatchMemory memory;
  private final RaggedBatch host;
  private final DeviceClock clock;
  private boolean prefixes; // whether some op counts them

  CudaBatch(BatchMemory memory, RaggedBatch host, Launch launch) {
    this.memory = memory;
    this.host = host;
    this.clock = new DeviceClock(memory, launch);
  }

  /**
   * The batch of this backend that is loaded now.
   *
   * @throws IllegalStateException if another one was loaded since
   */
  public static CudaBatch of(LoadedBatch batch) {
    if (!(batch instanceof CudaBatch cuda)) {
      throw new IllegalArgumentException("the batch was loaded by another backend");
    }
    if (!cuda.memory.holds(cuda)) {
      throw new IllegalStateException("the batch is no longer loaded: another one took its place");
    }
    return cuda;
  }

  public static CudaBatch of(LoadedBatch batch, RowRange rows) {
    CudaBatch cuda = of(batch);
    OpArguments.requireRows(rows, cuda.host);
    return cuda;
  }

  public int rows() {
    return host.rows();
  }

  public long tokens() {
    return memory.address(BatchMemory.Section.TOKENS);
  }

  public long positions() {
    return memory.address(BatchMemory.Section.POSITIONS);
  }

  /** Position of each row whose angle it turns by. */
  public long ropePositions() {
    return memory.address(BatchMemory.Section.ROPE_POSITIONS);
  }

  /** Largest position whose angle a row turns by. */
  public int lastRopePosition() {
    int last = 0;
    for (int position : host.ropePositions()) {
      last = Math.max(last, position);
    }
    return last;
  }

  /** Span of each row. */
  public long rowSpan() {
    return memory.address(BatchMemory.Section.ROW_SPAN);
  }

  public long spanRows() {
    return memory.address(BatchMemory.Section.SPAN_ROWS);
  }

  public long spanPages() {
    return memory.address(BatchMemory.Section.SPAN_PAGES);
  }

  public long logitRows() {
    return memory.address(BatchMemory.Section.LOGIT_ROWS);
  }

  public long pageTable() {
    return memory.address(BatchMemory.Section.PAGE_TABLE);
  }

  /** (rows, 3) 64-bit counters: pages scored, pages attended, tokens attended. */
  public long readCounters() {
    return memory.countersAddress();
  }

  /** (rows) 64-bit counters: blocks computed. */
  public long blockCounters() {
    return memory.blockCountersAddress();
  }

  /** (rows) 64-bit counters: tokens of prefixes attended. */
  public long prefixCounters() {
    prefixes = true;
    return memory.prefixCountersAddress();
  }

  /** Largest position of a range of rows. */
  public int lastPosition(RowRange rows) {
    int last = 0;
    for (int row = rows.from(); row < rows.to(); row++) {
      last = Math.max(last, host.positions()[row]);
    }
    return last;
  }

  @Override
  public RaggedBatch host() {
    return host;
  }

  @Override
  public Clock clock() {
    return clock;
  }

  @Override
  public ReadCounters counters() {
    of(this);
    return memory.readCounters(host.rows(), prefixes);
  }
}
