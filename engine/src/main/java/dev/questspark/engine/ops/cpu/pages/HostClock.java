package dev.questspark.engine.ops.cpu.pages;

import dev.questspark.engine.ops.LoadedBatch;
import java.util.Arrays;

/** A part is done when its call returns. */
final class HostClock implements LoadedBatch.Clock {
  private long[] starts = new long[8];
  private long[] sums = new long[8];

  @Override
  public void start(int part, int layer) {
    if (part >= sums.length) {
      starts = Arrays.copyOf(starts, 2 * part);
      sums = Arrays.copyOf(sums, 2 * part);
    }
    starts[part] = System.nanoTime();
  }

  @Override
  public void stop(int part, int layer) {
    sums[part] += System.nanoTime() - starts[part];
  }

  @Override
  public long[] nanos(int parts) {
    return Arrays.copyOf(sums, parts);
  }
}
