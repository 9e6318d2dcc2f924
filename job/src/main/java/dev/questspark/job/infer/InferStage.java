package dev.questspark.job.infer;

import dev.questspark.job.executor.InferSettings;
import dev.questspark.job.output.AnswerStore;
import dev.questspark.job.partition.PlannedDocument;
import dev.questspark.job.resources.InferResources;
import java.io.IOException;
import org.apache.spark.api.java.JavaRDD;

/**
 * The Spark stage that answers: each document passes once, its answers are committed on the way.
 */
public final class InferStage {
  private InferStage() {}

  /**
   * Adds the answers of all documents, exactly once whatever becomes of tasks and executors.
   *
   * @param batchRows rows after which a task commits a batch
   * @throws IOException when the store cannot be written
   */
  public static void run(
      JavaRDD<PlannedDocument> documents,
      InferSettings settings,
      RunCounters counters,
      AnswerStore answers,
      int batchRows)
      throws IOException {
    InferTask task = new InferTask(settings, counters, answers.begin(settings.runId()), batchRows);
    InferResources.on(documents, settings.options()).foreachPartition(task);
    answers.complete(settings.runId());
  }
}
