package dev.questspark.job.plugin;

import dev.questspark.job.executor.EngineActivity;
import java.io.Serializable;

/**
 * What an executor's plugin tells the driver's. Replies are of the JDK's classes alone: an executor
 * reads them in a thread of Spark's that does not see a jar which spark-submit brought, and a reply
 * that it cannot read ends the executor.
 */
sealed interface ExecutorMessage extends Serializable {
  /** Everything that the run's options name is there. */
  record Ready(String host) implements ExecutorMessage {}

  /** Something is not, and this is the sentence about it. */
  record Refused(String host, String executorId, String sentence) implements ExecutorMessage {}

  /** What the executor's engines do. */
  record Active(String executorId, EngineActivity activity) implements ExecutorMessage {}

  /**
   * A document wants into the executor's engine; the reply is the name of an {@code
   * Admission.Verdict}.
   */
  record Begins(String executorId, long key, boolean alone) implements ExecutorMessage {}

  /** It is answered. */
  record Ended(String executorId, long key) implements ExecutorMessage {}
}
