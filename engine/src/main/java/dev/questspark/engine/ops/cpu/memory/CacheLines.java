package dev.questspark.engine.ops.cpu.memory;

/**
 * Asks memory for a range before it is read in earnest: one load per cache line, so that hundreds
 * of misses are under way at once, where a loop that computes waits for a few dozen at a time. Java
 * has no prefetch; the sums are returned so that the loads are not compiled away.
 */
public final class CacheLines {
  private static final int BYTES = 64;
  private static final int FLOATS = BYTES / Float.BYTES;
  private static final int SHORTS = BYTES / Short.BYTES;

  private CacheLines() {}

  /** Bytes of the whole cache lines that hold {@code bytes}. */
  public static long roundUp(long bytes) {
    return (bytes + BYTES - 1) / BYTES * BYTES;
  }

  public static float touch(float[] array, int from, int to) {
    float even = 0;
    float odd = 0;
    int i = from;
    for (; i < to - FLOATS; i += 2 * FLOATS) {
      even += array[i];
      odd += array[i + FLOATS];
    }
    return i < to ? even + odd + array[i] : even + odd;
  }

  public static int touch(short[] array, int from, int to) {
    int even = 0;
    int odd = 0;
    int i = from;
    for (; i < to - SHORTS; i += 2 * SHORTS) {
      even += array[i];
      odd += array[i + SHORTS];
    }
    return i < to ? even + odd + array[i] : even + odd;
  }

  public static int touch(byte[] array, int from, int to) {
    int sum = 0;
    for (int i = from; i < to; i += BYTES) {
      sum += array[i];
    }
    return sum;
  }
}
