package dev.questspark.engine.model;

/**
 * Random numbers that belong to a row: a function of its seed and of the position of the token in
 * its output, with no state. A row that is preempted and replayed, or that runs in another batch or
 * partition, draws the same numbers.
 */
final class RowRandom {
  /** 2^64 / golden ratio, odd: consecutive positions land far apart. */
  private static final long GOLDEN = 0x9E3779B97F4A7C15L;

  private RowRandom() {}

  /** Uniform in [0, 1), 53 bits. */
  static double uniform(long seed, int position) {
    // The seed is mixed first, so that (seed, position + 1) is not (seed + GOLDEN, position).
    long bits = mix(mix(seed) + GOLDEN * (position + 1L));
    return (bits >>> 11) * 0x1p-53;
  }

  /**
   * Finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014, figure 16; variant 13 of
   * Stafford).
   */
  private static long mix(long z) {
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
