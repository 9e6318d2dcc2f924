package dev.questspark.job.sink;

import dev.questspark.job.corpus.Document;
import dev.questspark.job.infer.InferPartition;
import dev.questspark.job.infer.InferSettings;
import dev.questspark.job.infer.RunCounters;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** Runs the inference and writes {@code answers/} as it goes: each document passes once. */
public final class AnswerWriter {
  private AnswerWriter() {}

  /** Appends the answers of all documents. */
  public static void write(
      SparkSession spark,
      OutputFolder output,
      JavaRDD<Document> documents,
      InferSettings settings,
      RunCounters counters) {
    String runId = settings.runId();
    String paramsHash = settings.paramsHash();
    String device = settings.device();
    InferPartition<Row> infer =
        new InferPartition<>(
            settings,
            counters,
            (executorId, attempt) ->
                AnswerSchema.rows(
                    new AnswerSchema.Origin(runId, paramsHash, executorId, device, attempt)));
    spark
        .createDataFrame(documents.mapPartitions(infer), AnswerSchema.schema())
        .write()
        .mode("append")
        .parquet(output.answers());
  }
}
