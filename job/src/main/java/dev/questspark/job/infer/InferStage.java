package dev.questspark.job.infer;

import dev.questspark.job.executor.InferSettings;
import dev.questspark.job.output.AnswerStore;
import dev.questspark.job.partition.PlannedDocument;
import dev.questspark.job.resources.InferResources;
import java.io.IOException;
import java.time.Instant;
import java.util.Optional;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.util.LongAccumulator;

/**
 * The Spark stage that answers: each document passes once, its answers are committed on the way.
 */
public final class InferStage {
  private InferStage() {}

  /**
   * Adds the answers of all documents, exactly once whatever becomes of tasks and executors. The
   * caller ends the store's run.
   *
   * @param batchRows rows after which a task commits a batch
   * @param deadline when tasks take no more documents
   * @return whether no document was left
   * @throws IOException when the store cannot be written
   */
  public static boolean run(
      JavaRDD<PlannedDocument> documents,
      InferSettings settings,
      RunCounters counters,
      AnswerStore answers,
      int batchRows,
      Optional<Instant> deadline)
      throws IOException {
    LongAccumulator stopped = documents.context().longAccumulator("tasks stopped at the deadline");
    InferTask task =
        new InferTask(
            settings,
            counters,
            answers.begin(settings.runId()),
            new InferTask.Pace(
                batchRows, deadline.map(Instant::toEpochMilli).orElse(Long.MAX_VALUE)),
            stopped);
    InferResources.on(documents, settings.options()).foreachPartition(task);
    return stopped.value() == 0;
  }
}
