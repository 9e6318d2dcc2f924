package dev.questspark.engine.ops.cpu;

/**
 * Runs the loops with the most vector operations on a few numbers, over and over, on a thread of
 * its own while weights load. Until the virtual machine has compiled them, vectors are objects on
 * the heap and a step runs a hundred times slower; what is compiled by the first step need not be
 * waited for, nor its garbage be made.
 */
final class Rehearsal implements Runnable {
  private static final int NUMBERS = 64;

  /** Enough for the last compiler; it starts at about 15,000 calls and loop turns together. */
  private static final int ROUNDS = 6_000;

  private Rehearsal() {}

  /** Starts the thread; nobody waits for it. */
  static void start() {
    Thread thread = new Thread(new Rehearsal(), "questspark-cpu-rehearsal");
    thread.setDaemon(true);
    thread.start();
  }

  @Override
  public void run() {
    Loops loops = Loops.ofWorkers(1)[0]; // they hold scratch memory: nobody else's
    float[] x = new float[2 * NUMBERS];
    float[] y = new float[NUMBERS];
    for (int round = 0; round < ROUNDS; round++) {
      loops.siluMul(y, 0, x, 0, NUMBERS, NUMBERS);
      loops.exponentiate(y, 0, NUMBERS, 0);
      loops.dot(x, 0, y, 0, NUMBERS);
    }
  }
}
