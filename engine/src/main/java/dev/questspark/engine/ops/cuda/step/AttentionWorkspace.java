package dev.questspark.engine.ops.cuda.step;

import dev.questspark.engine.ops.cuda.driver.CudaStream;
import dev.questspark.engine.ops.cuda.driver.DeviceBuffer;
import dev.questspark.engine.ops.cuda.driver.DevicePool;
import dev.questspark.engine.ops.cuda.driver.LaunchRecorder;

/**
 * Where {@code attend_pages} leaves the parts of its splits: outputs (entry, 64, slots, D), states
 * (entry, 64, slots, 2) and one ticket per entry, zero between launches. An entry is a (row, KV
 * head, tile of heads). Grows to what the largest page list needs, which the engine's warm-up shows
 * it.
 */
public final class AttentionWorkspace implements AutoCloseable {
  private static final int SPLIT_TOKENS = 256;
  private static final int MAX_SPLITS = 64;

  private final int headsPerBlock;
  private final DevicePool pool;
  private final CudaStream stream;
  private final LaunchRecorder recorder;
  private DeviceBuffer out;
  private DeviceBuffer state;
  private DeviceBuffer tickets;

  /**
   * No memory yet.
   *
   * @param headsPerBlock query heads of one block
   */
  public AttentionWorkspace(
      DevicePool pool, CudaStream stream, LaunchRecorder recorder, int headsPerBlock) {
    this.headsPerBlock = headsPerBlock;
    this.pool = pool;
    this.stream = stream;
    this.recorder = recorder;
  }

  /** Makes room for {@code rows} rows. */
  public void reserve(int rows, int kvHeads, int group, int headDim) {
    long entries = (long) rows * kvHeads * tiles(group);
    long parts = entries * MAX_SPLITS * Math.min(group, headsPerBlock);
    long outBytes = Math.multiplyExact(4L * headDim, parts);
    if (out != null
        && out.bytes() >= outBytes
        && state.bytes() >= 8 * parts
        && tickets.bytes() >= 4 * entries) {
      return;
    }
    recorder.flush();
    stream.await(recorder); // the launches so far use the old memory
    close();
    out = pool.allocate(outBytes);
    state = pool.allocate(8 * parts);
    tickets = pool.allocate(4 * entries);
    stream.zero(tickets, 4 * entries);
  }

  /** Blocks that share a KV head's query heads. */
  public int tiles(int group) {
    return ceilDiv(group, headsPerBlock);
  }

  /**
   * Splits to launch for a longest list: enough, and a power of two, so that a growing context
   * seldom changes the grid (a surplus block leaves at once).
   */
  public static int splits(long longestTokens) {
    int needed =
        (int) Math.min(MAX_SPLITS, Math.max(1, (longestTokens + SPLIT_TOKENS - 1) / SPLIT_TOKENS));
    return Integer.highestOneBit(2 * needed - 1);
  }

  private static int ceilDiv(int dividend, int divisor) {
    return (dividend + divisor - 1) / divisor;
  }

  public long outAddress() {
    return out.address();
  }

  public long stateAddress() {
    return state.address();
  }

  public long ticketsAddress() {
    return tickets.address();
  }

  @Override
  public void close() {
    if (out != null) {
      out.close();
      state.close();
      tickets.close();
      out = null;
    }
  }
}
