package dev.questspark.job.plugin;

import dev.questspark.job.executor.EngineActivity;
import java.io.Serializable;

/** What an executor's plugin tells the driver's. */
sealed interface ExecutorMessage extends Serializable {
  /** Everything that the run's options name is there. */
  record Ready(String host) implements ExecutorMessage {}

  /** Something is not, and this is the sentence about it. */
  record Refused(String host, String executorId, String sentence) implements ExecutorMessage {}

  /** What the executor's engines do. */
  record Active(String executorId, EngineActivity activity) implements ExecutorMessage {}

  /** A document wants into the executor's engine; the answer is an {@code Admission.Verdict}. */
  record Begins(String executorId, long key, boolean alone) implements ExecutorMessage {}

  /** It is answered. */
  record Ended(String executorId, long key) implements ExecutorMessage {}
}
