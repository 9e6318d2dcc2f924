package dev.questspark.job.plugin;

import dev.questspark.job.executor.ExecutorDeath;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Executors that end one after the other without a document answered between. Spark starts another
 * each time, since lost shuffle files make it forget a task's failures; such a run would go on all
 * night.
 */
final class BarrenExecutors {
  /** Twice what one document may cost before it is quarantined, for several in a row. */
  static final int MOST = 10;

  /** Executor to those that had ended without an answer when it started. */
  private final Map<String, Integer> before = new HashMap<>();

  private int generations;

  synchronized void added(String executorId) {
    before.put(executorId, generations);
  }

  /** A document is answered, or has got its error row. */
  synchronized void answered() {
    generations = 0;
    before.replaceAll((executor, earlier) -> 0);
  }

  /**
   * An executor is gone. Executors that ran side by side count once, however many a host takes with
   * it.
   *
   * @return why the run ends, if it must
   */
  synchronized Optional<String> lost(String executorId, ExecutorDeath death) {
    Integer earlier = before.remove(executorId);
    if (earlier == null) {
      return Optional.empty();
    }
    generations = Math.max(generations, earlier + 1);
    return generations < MOST
        ? Optional.empty()
        : Optional.of(
            MOST
                + " executors in a row ended without answering a document, the last with '"
                + death.reason().lines().findFirst().orElse("")
                + "'; the end of an executor's stderr says why.");
  }
}
