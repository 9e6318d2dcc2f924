package dev.questspark.job.infer;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * Brings what the engine's thread finished to the task's thread, so that all bookkeeping of a task
 * is single-threaded and the engine's thread never works for a task.
 */
final class CallbackQueue implements Executor {
  private final BlockingQueue<Runnable> waiting = new LinkedBlockingQueue<>();

  @Override
  public void execute(Runnable callback) {
    waiting.add(callback);
  }

  /**
   * Runs the next callback; returns after a while without one, so that the task can look around.
   *
   * @return whether there was one
   */
  boolean runNext(long waitMillis) throws InterruptedException {
    Runnable callback = waiting.poll(waitMillis, TimeUnit.MILLISECONDS);
    if (callback != null) {
      callback.run();
    }
    return callback != null;
  }
}
