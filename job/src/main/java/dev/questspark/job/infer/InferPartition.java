package dev.questspark.job.infer;

import dev.questspark.job.answer.Answer;
import dev.questspark.job.executor.ExecutorEngine;
import dev.questspark.job.executor.InferSettings;
import dev.questspark.job.executor.TaskEngine;
import dev.questspark.job.partition.PlannedDocument;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.TaskContext;
import org.apache.spark.util.TaskCompletionListener;

/** One Spark task: its documents, lazily, through the executor's engine. */
public final class InferPartition {
  private InferPartition() {}

  /**
   * @param context what the caller wants back with the answers
   */
  public record Asked<T>(T context, PlannedDocument document) {}

  /**
   * @param answers to all rows of the document that its plan wants
   */
  public record Answered<T>(T context, List<Answer> answers) {}

  /**
   * The answers, document by document as they are finished, counted as they leave.
   *
   * @param documents at least one
   * @throws dev.questspark.engine.failure.ConfigException when the engine cannot open
   */
  public static <T> Iterator<Answered<T>> answers(
      InferSettings settings, RunCounters counters, Iterator<Asked<T>> documents) {
    TaskContext task = TaskContext.get();
    ExecutorEngine.Lease lease = TaskEngine.lease(settings, counters.engines());
    Submissions submissions = new Submissions(lease.engine());
    TaskCompletionListener cancel = ended -> submissions.cancel();
    task.addTaskCompletionListener(cancel);
    CallbackQueue callbacks = new CallbackQueue();
    DocumentSession session =
        new DocumentSession(settings, submissions, lease.prompts(), callbacks);
    return new AnswerStream<>(
        documents,
        session,
        callbacks,
        settings.maxInFlight(),
        task::killTaskIfInterrupted,
        counters);
  }
}
