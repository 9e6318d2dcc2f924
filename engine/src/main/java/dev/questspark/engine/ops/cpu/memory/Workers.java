package dev.questspark.engine.ops.cpu.memory;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * A fixed crew of threads that shares one op's work. The calling thread is worker 0; the others are
 * daemons that live from open to close. An op is cut into numbered tasks, which workers claim in
 * order; results never depend on who computed what.
 */
public final class Workers implements AutoCloseable {
  /** One piece of an op's work. */
  @FunctionalInterface
  public interface Task {
    /**
     * Runs piece {@code task}.
     *
     * @param worker who runs it, 0 to {@code threads() - 1}: the index of its scratch memory
     */
    public void run(int task, int worker);
  }

  /** Below this many multiply-adds, waking a second thread costs more than it saves. */
  private static final long WORTH_SHARING = 1 << 15;

  /** Looks at the mailbox this often before sleeping: decode steps follow within microseconds. */
  private static final int SPINS = 2_000;

  private final Thread[] crew;
  private volatile Run current;
  private volatile boolean closed;

  public Workers(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("threads is " + threads + "; it must be at least 1");
    }
    this.crew = new Thread[threads - 1];
    for (int i = 0; i < crew.length; i++) {
      int worker = i + 1;
      crew[i] = new Thread(() -> serve(worker), "questspark-cpu-" + worker);
      crew[i].setDaemon(true);
      crew[i].start();
    }
  }

  /** Workers, the calling thread included. */
  public int threads() {
    return crew.length + 1;
  }

  /**
   * Runs tasks 0 to {@code tasks - 1} and returns when all are done.
   *
   * @param costPerTask multiply-adds of one task, to decide whether sharing is worth it
   */
  public void run(int tasks, long costPerTask, Task task) {
    if (closed) {
      throw new IllegalStateException("the CPU backend is closed");
    }
    if (crew.length == 0 || tasks < 2 || tasks * costPerTask < WORTH_SHARING) {
      for (int i = 0; i < tasks; i++) {
        task.run(i, 0);
      }
      return;
    }
    Run run = new Run(task, tasks, Thread.currentThread());
    current = run;
    int helpers = Math.min(crew.length, tasks - 1);
    for (int i = 0; i < helpers; i++) {
      LockSupport.unpark(crew[i]);
    }
    run.work(0);
    run.awaitDone();
  }

  private void serve(int worker) {
    Run last = null;
    int spins = 0;
    while (!closed) {
      Run run = current;
      if (run != last) {
        last = run;
        spins = 0;
        run.work(worker);
      } else if (spins++ < SPINS) {
        Thread.onSpinWait();
      } else {
        LockSupport.park(this);
      }
    }
  }

  @Override
  public void close() {
    closed = true;
    for (Thread thread : crew) {
      LockSupport.unpark(thread);
    }
  }

  /** One op's work; a worker that wakes late finds nothing left to claim and goes. */
  private static final class Run {
    private final Task task;
    private final int tasks;
    private final Thread caller;
    private final AtomicInteger next = new AtomicInteger();
    private final AtomicInteger done = new AtomicInteger();
    private volatile Throwable failure;

    Run(Task task, int tasks, Thread caller) {
      this.task = task;
      this.tasks = tasks;
      this.caller = caller;
    }

    void work(int worker) {
      for (int i = next.getAndIncrement(); i < tasks; i = next.getAndIncrement()) {
        try {
          task.run(i, worker);
        } catch (RuntimeException | Error e) {
          failure = e; // rethrown on the calling thread
        }
        if (done.incrementAndGet() == tasks) {
          LockSupport.unpark(caller);
        }
      }
    }

    void awaitDone() {
      for (int spins = 0; done.get() < tasks; spins++) {
        if (spins < SPINS) {
          Thread.onSpinWait();
        } else {
          LockSupport.park(this);
        }
      }
      if (failure instanceof RuntimeException e) {
        throw e;
      }
      if (failure instanceof Error e) {
        throw e;
      }
    }
  }
}
