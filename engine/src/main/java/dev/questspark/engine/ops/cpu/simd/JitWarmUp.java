package dev.questspark.engine.ops.cpu.simd;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;

/**
 * Runs the {@link SimdOps} with the most vector operations on a few numbers, over and over, on a
 * thread of its own while weights load. Until the virtual machine has compiled them, vectors are
 * objects on the heap and a step runs a hundred times slower; what is compiled by the first step
 * need not be waited for, nor its garbage be made. Short calls, as the compiler counts calls before
 * it counts turns of a loop; in short bursts, as what runs while it compiles is garbage too.
 */
public final class JitWarmUp implements Runnable {
  /** Vectors, and a rest: a way that was never taken would be compiled as one that is not. */
  private static final int NUMBERS = 16 + 3;

  private static final int CALLS = 120;

  private static final long PAUSE_NANOS = 10_000_000;

  /** The compiler starts at about 5,000 calls, more if it is busy; compiled calls cost nothing. */
  private static final int BURSTS = 150;

  private static final AtomicBoolean STARTED = new AtomicBoolean();

  private JitWarmUp() {}

  /** Starts the thread, the first time in a process; nobody waits for it. */
  public static void start() {
    if (!STARTED.compareAndSet(false, true)) {
      return;
    }
    Thread thread = new Thread(new JitWarmUp(), "questspark-jit-warm-up");
    thread.setDaemon(true);
    thread.start();
  }

  @Override
  public void run() {
    SimdOps simd = SimdForm.ofWorkers(1)[0]; // they hold scratch memory: nobody else's
    float[] x = new float[2 * NUMBERS];
    float[] y = new float[NUMBERS];
    short[] bits = new short[NUMBERS];
    for (int burst = 0; burst < BURSTS; burst++) {
      for (int call = 0; call < CALLS; call++) {
        simd.siluMul(y, 0, x, 0, NUMBERS, NUMBERS);
        simd.exponentiate(y, 0, NUMBERS, 0);
        simd.exponentiate(y, 0, NUMBERS, 0, bits, 0);
        simd.round(y, 0, bits, 0, NUMBERS);
        simd.dot(x, 0, y, 0, NUMBERS);
      }
      LockSupport.parkNanos(PAUSE_NANOS);
    }
  }
}
