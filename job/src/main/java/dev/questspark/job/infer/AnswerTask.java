package dev.questspark.job.infer;

import dev.questspark.job.answer.Answer;
import dev.questspark.job.executor.InferSettings;
import dev.questspark.job.infer.AnswerBatches.Batch;
import dev.questspark.job.infer.AnswerBatches.Place;
import dev.questspark.job.infer.InferPartition.Answered;
import dev.questspark.job.output.AnswerFiles;
import dev.questspark.job.output.AnswerSchema;
import dev.questspark.job.partition.PlannedDocument;
import dev.questspark.job.resources.DeviceClaim;
import java.io.IOException;
import java.io.Serial;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.VoidFunction;
import org.apache.spark.sql.Row;

/** One Spark task: a partition's documents through the engine, their answers into batch files. */
final class AnswerTask implements VoidFunction<Iterator<PlannedDocument>> {
  @Serial private static final long serialVersionUID = 1L;

  private final InferSettings settings;
  private final RunCounters counters;
  private final AnswerFiles.Folders folders;
  private final int batchRows;

  AnswerTask(
      InferSettings settings, RunCounters counters, AnswerFiles.Folders folders, int batchRows) {
    this.settings = settings;
    this.counters = counters;
    this.folders = folders;
    this.batchRows = batchRows;
  }

  @Override
  public void call(Iterator<PlannedDocument> documents) throws IOException {
    TaskContext task = TaskContext.get();
    AnswerFiles files =
        new AnswerFiles(
            folders, task.partitionId(), task.taskAttemptId(), settings.hadoop().value());
    AnswerBatches batches = new AnswerBatches(documents, batchRows, files::has, counters::keep);
    if (!batches.hasNext()) {
      return; // nothing left to do needs no engine
    }
    AnswerSchema.Origin origin =
        new AnswerSchema.Origin(
            settings.runId(),
            settings.paramsHash(),
            SparkEnv.get().executorId(),
            DeviceClaim.backend(settings.device(), task),
            task.stageAttemptNumber() + task.attemptNumber());
    Iterator<Answered<Place>> answers = InferPartition.answers(settings, counters, batches);
    while (answers.hasNext()) {
      Answered<Place> answered = answers.next();
      if (answered.context().complete(answered.answers())) {
        Batch batch = answered.context().batch();
        files.commit(batch.number(), rows(batch, origin));
      }
    }
  }

  private static List<Row> rows(Batch batch, AnswerSchema.Origin origin) {
    List<Row> rows = new ArrayList<>();
    for (int document = 0; document < batch.documents(); document++) {
      var row = AnswerSchema.rows(origin, batch.key(document));
      for (Answer answer : batch.answers(document)) {
        rows.add(row.apply(answer));
      }
    }
    return rows;
  }
}
