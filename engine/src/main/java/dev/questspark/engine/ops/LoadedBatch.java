package dev.questspark.engine.ops;

/**
 * A {@link RaggedBatch} where the backend's ops can read it (one small copy per step on a device),
 * together with the read counters that the ops add to. Valid until the backend loads the next one.
 */
public interface LoadedBatch {
  /** The host's view of the same batch. */
  RaggedBatch host();

  /**
   * What the step's ops really read, per row, summed over layers and KV heads; waits for the
   * device.
   *
   * @return (rows, 3): digest pairs scored, pages attended, tokens attended
   */
  ReadCounters counters();
}
