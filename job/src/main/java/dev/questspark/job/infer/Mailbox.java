package dev.questspark.job.infer;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * Brings what the engine's thread finished to the task's thread, so that all bookkeeping of a task
 * is single-threaded and the engine's thread never works for a task.
 */
final class Mailbox implements Executor {
  private final BlockingQueue<Runnable> letters = new LinkedBlockingQueue<>();

  @Override
  public void execute(Runnable letter) {
    letters.add(letter);
  }

  /**
   * Runs the next letter; returns after a while without one, so that the task can look around.
   *
   * @return whether there was one
   */
  boolean handleNext(long waitMillis) throws InterruptedException {
    Runnable letter = letters.poll(waitMillis, TimeUnit.MILLISECONDS);
    if (letter != null) {
      letter.run();
    }
    return letter != null;
  }
}
