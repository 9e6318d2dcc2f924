package dev.questspark.engine.ops.cpu.gemm;

/**
 * Which of two ways to the same bits is the faster one, by the clock. The other one is tried now
 * and then, as that changes with what else runs on the processor. The second way is not tried at
 * once: it has to be compiled first, which a process that has just started has no time for. For one
 * thread.
 */
final class TimedChoice {
  /** One call in so many goes the way that was slower. */
  private static final int TRIAL = 32;

  /** A call's share of the mean, over what came before. */
  private static final double SHARE = 0.125;

  /** A way that takes this part of its mean has been compiled meanwhile. */
  private static final double COMPILED = 0.25;

  private final double[] nanos = {0, Double.MAX_VALUE};
  private final long patience;
  private final long start = System.nanoTime();
  private int calls;

  /**
   * @param patience nanoseconds before the first trial of the second way
   */
  TimedChoice(long patience) {
    this.patience = patience;
  }

  /** The way to go now: 0 or 1. */
  int next() {
    int faster = nanos[0] <= nanos[1] ? 0 : 1;
    boolean trial = ++calls % TRIAL == 0 && System.nanoTime() - start >= patience;
    return trial ? 1 - faster : faster;
  }

  /** Tells how long the way took. */
  void took(int way, long elapsed) {
    double before = nanos[way];
    boolean another = before == 0 || elapsed < COMPILED * before;
    nanos[way] = another ? elapsed : before + SHARE * (elapsed - before);
  }
}
