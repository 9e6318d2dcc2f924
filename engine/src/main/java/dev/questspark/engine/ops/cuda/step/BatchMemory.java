package dev.questspark.engine.ops.cuda.step;

import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.ReadCounters;
import dev.questspark.engine.ops.cuda.driver.CudaContext;
import dev.questspark.engine.ops.cuda.driver.CudaStream;
import dev.questspark.engine.ops.cuda.driver.DeviceBuffer;
import dev.questspark.engine.ops.cuda.driver.DevicePool;
import dev.questspark.engine.ops.cuda.driver.LaunchRecorder;
import dev.questspark.engine.ops.cuda.driver.PinnedBuffer;
import dev.questspark.engine.ops.cuda.driver.Readback;
import java.nio.ByteBuffer;
import java.nio.IntBuffer;

/**
 * Where a step's batch lives: its arrays back to back in one pinned buffer and in one device
 * buffer, at places that never change, so that a step costs one small copy and repeated steps have
 * the same launch arguments. The page table stands last: only its used part is copied.
 */
public final class BatchMemory implements AutoCloseable {
  /** The arrays, in memory order. */
  enum Section {
    TOKENS,
    POSITIONS,
    ROPE_POSITIONS,
    ROW_SPAN,
    SPAN_ROWS,
    SPAN_PAGES,
    LOGIT_ROWS,
    PAGE_TABLE
  }

  private static final int COUNTERS = 3;

  /** With those of key blocks and of prefixes, one each, that stand behind. */
  private static final int ALL_COUNTERS = COUNTERS + 2;

  /** Sums and starts of the step's clock, behind all counters: two parts a row, each in two. */
  private static final int CLOCK = 2 * 2;

  /** Sections of one integer per row or span: all but the page table. */
  private static final int ROW_SECTIONS = Section.PAGE_TABLE.ordinal();

  private final CudaStream stream;
  private final LaunchRecorder recorder;
  private final Readback readback;
  private final Launch launch;
  private final int maxRows;
  private final int maxPageEntries;
  private final int sectionInts;
  private final PinnedBuffer staging;
  private final IntBuffer ints;
  private final DeviceBuffer device;
  private final DeviceBuffer counters;
  private CudaBatch current;

  public BatchMemory(
      CudaContext context,
      DevicePool pool,
      CudaStream stream,
      LaunchRecorder recorder,
      Readback readback,
      Launch launch,
      int maxRows,
      int maxPageEntries) {
    this.stream = stream;
    this.recorder = recorder;
    this.readback = readback;
    this.launch = launch;
    this.maxRows = maxRows;
    this.maxPageEntries = maxPageEntries;
    this.sectionInts = (maxRows + 1 + 63) / 64 * 64; // whole 256-byte lines
    int bytes = Math.multiplyExact(4, Math.addExact(ROW_SECTIONS * sectionInts, maxPageEntries));
    this.staging = new PinnedBuffer(context, bytes);
    this.ints = staging.bytes().asIntBuffer();
    this.device = pool.allocate(bytes);
    this.counters = pool.allocate(8L * (ALL_COUNTERS + 2 * CLOCK) * maxRows);
  }

  /**
   * Queues the copy of a batch, and zeroed counters.
   *
   * @throws IllegalArgumentException if it has more rows or page-table entries than there is room
   *     for
   */
  public CudaBatch load(RaggedBatch batch) {
    if (batch.rows() > maxRows || batch.pageTable().length > maxPageEntries) {
      throw new IllegalArgumentException(
          "a batch of "
              + batch.rows()
              + " rows and "
              + batch.pageTable().length
              + " page-table entries; the backend was opened for "
              + maxRows
              + " and "
              + maxPageEntries);
    }
    recorder.flush();
    stream.awaitUpload();
    put(Section.TOKENS, batch.tokens());
    put(Section.POSITIONS, batch.positions());
    put(Section.ROPE_POSITIONS, batch.ropePositions());
    int rowSpan = sectionInts * Section.ROW_SPAN.ordinal();
    for (int span = 0; span < batch.spans(); span++) {
      for (int row = batch.spanRows()[span]; row < batch.spanRows()[span + 1]; row++) {
        ints.put(rowSpan + row, span);
      }
    }
    put(Section.SPAN_ROWS, batch.spanRows());
    put(Section.SPAN_PAGES, batch.spanPages());
    put(Section.LOGIT_ROWS, batch.logitRows());
    put(Section.PAGE_TABLE, batch.pageTable());
    stream.upload(device, 0, staging, 4L * (ROW_SECTIONS * sectionInts + batch.pageTable().length));
    stream.zero(counters, 8L * (ALL_COUNTERS + CLOCK) * maxRows);
    current = new CudaBatch(this, batch, launch);
    return current;
  }

  private void put(Section section, int[] values) {
    ints.put(sectionInts * section.ordinal(), values, 0, values.length);
  }

  boolean holds(CudaBatch batch) {
    return batch == current;
  }

  long address(Section section) {
    return device.address() + 4L * sectionInts * section.ordinal();
  }

  long countersAddress() {
    return counters.address();
  }

  /** (rows) 64-bit counters of key blocks, after the other ones. */
  long blockCountersAddress() {
    return counters.address() + 8L * COUNTERS * maxRows;
  }

  /** (rows) 64-bit counters of prefix tokens, after these. */
  long prefixCountersAddress() {
    return counters.address() + 8L * (COUNTERS + 1) * maxRows;
  }

  /** Sums of the step's clock. */
  long clockSumsAddress() {
    return counters.address() + 8L * ALL_COUNTERS * maxRows;
  }

  /** When its parts started. */
  long clockAddress() {
    return counters.address() + 8L * (ALL_COUNTERS + CLOCK) * maxRows;
  }

  /** Waits for the device, then copies the clock's first sums. */
  long[] readClock(int count) {
    ByteBuffer read = readback.read(counters, 8L * ALL_COUNTERS * maxRows, 8L * count);
    long[] sums = new long[count];
    for (int i = 0; i < count; i++) {
      sums[i] = read.getLong(8 * i);
    }
    return sums;
  }

  /**
   * Waits for the device, then copies the counters of the first {@code rows} rows.
   *
   * @param prefixes whether there are any of prefixes
   */
  ReadCounters readCounters(int rows, boolean prefixes) {
    ByteBuffer read = readback.read(counters, 0, 8L * COUNTERS * rows);
    long[] scored = new long[rows];
    long[] attended = new long[rows];
    long[] tokens = new long[rows];
    for (int row = 0; row < rows; row++) {
      scored[row] = read.getLong(8 * COUNTERS * row);
      attended[row] = read.getLong(8 * (COUNTERS * row + 1));
      tokens[row] = read.getLong(8 * (COUNTERS * row + 2));
    }
    long[] blocks = readOne(COUNTERS, rows);
    long[] prefix = prefixes ? readOne(COUNTERS + 1, rows) : new long[rows];
    return new ReadCounters(scored, new long[rows], attended, tokens, blocks, prefix);
  }

  /** One counter of every row, of those that stand behind the first ones. */
  private long[] readOne(int counter, int rows) {
    ByteBuffer read = readback.read(counters, 8L * counter * maxRows, 8L * rows);
    long[] values = new long[rows];
    for (int row = 0; row < rows; row++) {
      values[row] = read.getLong(8 * row);
    }
    return values;
  }

  @Override
  public void close() {
    staging.close();
    device.close();
    counters.close();
  }
}
