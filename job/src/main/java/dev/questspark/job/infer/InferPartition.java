package dev.questspark.job.infer;

import dev.questspark.job.corpus.Document;
import java.io.Serial;
import java.util.Collections;
import java.util.Iterator;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.function.Function;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.util.TaskCompletionListener;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One Spark task: its documents, lazily, through the executor's engine. */
public final class InferPartition<R> implements FlatMapFunction<Iterator<Document>, R> {
  @Serial private static final long serialVersionUID = 1L;
  private static final Logger LOG = LoggerFactory.getLogger(InferPartition.class);

  private final InferSettings settings;
  private final RunCounters counters;
  private final RowShape<R> shape;

  /** Makes a task's rows; travels to the executors. */
  @FunctionalInterface
  public interface RowShape<R> extends java.io.Serializable {
    /**
     * @param executorId Spark's name for this JVM
     * @param attempt number of the task's attempt, from 0
     */
    Function<Answer, R> forTask(String executorId, int attempt);
  }

  public InferPartition(InferSettings settings, RunCounters counters, RowShape<R> shape) {
    this.settings = settings;
    this.counters = counters;
    this.shape = shape;
  }

  @Override
  public Iterator<R> call(Iterator<Document> documents) {
    if (!documents.hasNext()) {
      return Collections.emptyIterator();
    }
    TaskContext task = TaskContext.get();
    String executorId = SparkEnv.get().executorId();
    ExecutorEngine.Lease lease =
        ExecutorEngine.lease(settings, executorId, DeviceClaim.backend(settings.device(), task));
    Submissions submissions = new Submissions(lease.engine());
    TaskCompletionListener done =
        ended -> {
          submissions.cancel();
          counters.engines().add(Map.entry(lease.engineId(), lease.engine().report()));
          lease.close();
        };
    task.addTaskCompletionListener(done);
    task.addTaskFailureListener(
        (failed, failure) -> {
          if (FailurePolicy.endsExecutor(failure, executorId)) {
            LOG.error("this executor has lost its device and ends: {}", failure.getMessage());
            System.exit(FailurePolicy.DEVICE_LOST);
          }
        });
    Mailbox mailbox = new Mailbox();
    DocumentSession session = new DocumentSession(settings, submissions, lease.prompts(), mailbox);
    AnswerStream answers =
        new AnswerStream(
            documents, session, mailbox, settings.maxInFlight(), task::killTaskIfInterrupted);
    return new Rows(answers, shape.forTask(executorId, task.attemptNumber()));
  }

  /** Counts each answer as it leaves. */
  private final class Rows implements Iterator<R> {
    private final Iterator<Answer> answers;
    private final Function<Answer, R> toRow;

    Rows(Iterator<Answer> answers, Function<Answer, R> toRow) {
      this.answers = answers;
      this.toRow = toRow;
    }

    @Override
    public boolean hasNext() {
      return answers.hasNext();
    }

    @Override
    public R next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      Answer answer = answers.next();
      counters.count(answer);
      return toRow.apply(answer);
    }
  }
}
