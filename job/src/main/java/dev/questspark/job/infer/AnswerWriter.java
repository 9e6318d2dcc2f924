package dev.questspark.job.infer;

import dev.questspark.job.executor.InferSettings;
import dev.questspark.job.output.AnswerFiles;
import dev.questspark.job.output.OutputFolder;
import dev.questspark.job.partition.PlannedDocument;
import dev.questspark.job.resources.InferResources;
import java.io.IOException;
import java.util.List;
import org.apache.spark.api.java.JavaRDD;

/** Runs the inference and writes {@code answers/} as it goes: each document passes once. */
public final class AnswerWriter {
  private AnswerWriter() {}

  /**
   * Adds the answers of all documents, exactly once whatever becomes of tasks and executors.
   *
   * @param batchRows rows after which a task commits a file
   * @throws IOException when the output folder cannot be written
   */
  public static void write(
      OutputFolder output,
      JavaRDD<PlannedDocument> documents,
      InferSettings settings,
      RunCounters counters,
      int batchRows)
      throws IOException {
    AnswerFiles.Folders folders = output.beginAnswers(settings.runId());
    InferResources.on(documents, settings.options())
        .foreachPartition(new AnswerTask(settings, counters, folders, batchRows));
    if (!output.hasAnswers()) { // no document: no rows, but a table that every reader can open
      new AnswerFiles(folders, 0, 0, settings.hadoop().value()).commit(0, List.of());
    }
    output.endAnswers(settings.runId());
  }
}
