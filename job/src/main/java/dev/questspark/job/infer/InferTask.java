package dev.questspark.job.infer;

import dev.questspark.job.answer.Answer;
import dev.questspark.job.executor.InferSettings;
import dev.questspark.job.infer.AnswerBatches.Batch;
import dev.questspark.job.infer.AnswerBatches.Place;
import dev.questspark.job.infer.EngineStream.Answered;
import dev.questspark.job.output.AnswerSchema;
import dev.questspark.job.output.AnswerStore;
import dev.questspark.job.partition.PlannedDocument;
import dev.questspark.job.resources.DeviceClaim;
import java.io.IOException;
import java.io.Serial;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.VoidFunction;
import org.apache.spark.sql.Row;
import org.apache.spark.util.LongAccumulator;

/** One Spark task: a partition's documents through the engine, their answers batch by batch out. */
final class InferTask implements VoidFunction<Iterator<PlannedDocument>> {
  @Serial private static final long serialVersionUID = 1L;

  private final InferSettings settings;
  private final RunCounters counters;
  private final AnswerStore.Run answers;
  private final Pace pace;
  private final LongAccumulator stopped;

  /**
   * How a task goes about its documents.
   *
   * @param batchRows rows after which it commits
   * @param endMillis when it takes no more of them, since 1970
   */
  record Pace(int batchRows, long endMillis) implements Serializable {}

  /**
   * @param stopped counts tasks that left documents when the time was up
   */
  InferTask(
      InferSettings settings,
      RunCounters counters,
      AnswerStore.Run answers,
      Pace pace,
      LongAccumulator stopped) {
    this.settings = settings;
    this.counters = counters;
    this.answers = answers;
    this.pace = pace;
    this.stopped = stopped;
  }

  @Override
  public void call(Iterator<PlannedDocument> documents) throws IOException {
    TaskContext task = TaskContext.get();
    AnswerStore.Task committed = answers.task(task.partitionId(), task.taskAttemptId());
    AnswerBatches batches =
        new AnswerBatches(
            documents,
            pace.batchRows,
            committed::has,
            counters::keep,
            () -> System.currentTimeMillis() >= pace.endMillis);
    AnswerSchema.Origin origin =
        new AnswerSchema.Origin(
            settings.runId(),
            settings.paramsHash(),
            SparkEnv.get().executorId(),
            DeviceClaim.backend(settings.device(), task),
            task.stageAttemptNumber() + task.attemptNumber());
    Iterator<Answered<Place>> stream = EngineStream.asFinished(settings, counters, batches);
    while (stream.hasNext()) {
      Answered<Place> answered = stream.next();
      counters.documents().add(1);
      if (answered.context().complete(answered.answers().get(0))) {
        Batch batch = answered.context().batch();
        committed.commit(batch.number(), rows(batch, origin));
      }
    }
    Optional<Batch> rest = batches.cutShort();
    if (rest.isPresent()) {
      committed.commit(rest.get().number(), rows(rest.get(), origin));
    }
    stopped.add(batches.stopped() ? 1 : 0);
  }

  private static List<Row> rows(Batch batch, AnswerSchema.Origin origin) {
    List<Row> rows = new ArrayList<>();
    for (int document = 0; document < batch.documents(); document++) {
      var row = AnswerSchema.rows(origin, batch.key(document), batch.kept(document));
      for (Answer answer : batch.answers(document)) {
        rows.add(row.apply(answer));
      }
    }
    return rows;
  }
}
