package dev.questspark.engine.ops.cuda.step;

import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.cuda.driver.CudaKernels;
import java.util.Arrays;

/**
 * Marks among the step's launches. Each costs the device some two microseconds, so the first two
 * layers are timed, which a policy may treat apart, and of the others every seventh, which the rest
 * are taken to be alike: seven shares no factor with the patterns in which models alternate layers.
 */
final class DeviceClock implements LoadedBatch.Clock {
  private static final int FIRST_LAYERS = 2;
  private static final int EVERY = 7;

  /** What is summed apart: the first layers, and the sample of the others. */
  private static final int SUMS = 2;

  private final BatchMemory memory;
  private final Launch launch;
  private int[] sampled = new int[8];
  private int[] others = new int[8];

  DeviceClock(BatchMemory memory, Launch launch) {
    this.memory = memory;
    this.launch = launch;
  }

  private static boolean timed(int layer) {
    return layer < FIRST_LAYERS || (layer - FIRST_LAYERS) % EVERY == 0;
  }

  @Override
  public void start(int part, int layer) {
    if (timed(layer)) {
      mark(part, layer, false);
    }
  }

  @Override
  public void stop(int part, int layer) {
    if (timed(layer)) {
      mark(part, layer, true);
    }
    if (layer >= FIRST_LAYERS) {
      if (part >= others.length) {
        sampled = Arrays.copyOf(sampled, 2 * part);
        others = Arrays.copyOf(others, 2 * part);
      }
      others[part]++;
      sampled[part] += timed(layer) ? 1 : 0;
    }
  }

  private void mark(int part, int layer, boolean stop) {
    launch
        .of(CudaKernels.MARK_TIME)
        .counters(memory.clockAddress())
        .counters(memory.clockSumsAddress())
        .integer(SUMS * part + (layer < FIRST_LAYERS ? 0 : 1))
        .integer(stop ? 1 : 0)
        .grid(1, 1, 1, 32, 0);
  }

  @Override
  public long[] nanos(int parts) {
    long[] read = memory.readClock(SUMS * parts);
    long[] nanos = new long[parts];
    for (int part = 0; part < parts; part++) {
      nanos[part] = read[SUMS * part];
      if (part < others.length && sampled[part] > 0) {
        nanos[part] += read[SUMS * part + 1] * others[part] / sampled[part];
      }
    }
    return nanos;
  }
}
