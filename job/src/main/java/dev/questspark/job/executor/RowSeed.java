package dev.questspark.job.executor;

/**
 * The seed of a row: equal for equal (seed, document id, question number), regardless of the run.
 */
final class RowSeed {
  private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;

  private RowSeed() {}

  static long of(long seed, String documentId, int questionNumber) {
    long mixed = mix(seed + GOLDEN_GAMMA);
    for (int i = 0; i < documentId.length(); i++) {
      mixed = mix(mixed + GOLDEN_GAMMA + documentId.charAt(i));
    }
    return mix(mixed + GOLDEN_GAMMA + questionNumber);
  }

  /**
   * The finalizer of SplitMix64 (Steele et al., OOPSLA 2014): every input bit moves every output
   * bit.
   */
  private static long mix(long z) {
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
