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

  /** The step's clock. */
  Clock clock();

  /**
   * Times parts of a step by the clock of the device that computes them: a backend that queues its
   * work is not done with a part when the call returns. Parts do not overlap themselves.
   */
  interface Clock {
    /**
     * A part begins, or goes on.
     *
     * @param part below 2 * rows
     * @param layer where it does; a backend may time some layers and take the others to be alike
     */
    void start(int part, int layer);

    /** A part ends, or pauses, in the same layer. */
    void stop(int part, int layer);

    /** Nanoseconds of the first {@code parts} parts; waits for the device. */
    long[] nanos(int parts);
  }
}
