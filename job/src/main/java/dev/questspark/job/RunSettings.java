package dev.questspark.job;

import dev.questspark.engine.select.SelectorSpec;
import dev.questspark.job.infer.InferResources;
import dev.questspark.job.infer.InferSettings;
import dev.questspark.job.infer.PromptTexts;
import dev.questspark.job.model.ModelFolder;
import dev.questspark.job.options.JobOptions;
import dev.questspark.job.options.OptionFingerprint;
import dev.questspark.job.sink.OutputFolder;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.UUID;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;

/** What tasks need to know, put together on the driver; every command of the job starts with it. */
final class RunSettings {
  private static final int SUFFIX = 4;

  private RunSettings() {}

  /**
   * @param deciding whatever else decides what is computed, for the parameters' hash
   */
  static InferSettings of(
      SparkSession spark,
      JobOptions options,
      List<SelectorSpec> policies,
      PromptTexts templates,
      ModelFolder model,
      OutputFolder output,
      String deciding) {
    String runId =
        DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss").format(Instant.now().atZone(ZoneOffset.UTC))
            + "-"
            + UUID.randomUUID().toString().substring(0, SUFFIX);
    String paramsHash =
        ModelFolder.hash(
            model.fingerprint()
                + OptionFingerprint.of(options)
                + templates.ask()
                + templates.combine()
                + deciding);
    return new InferSettings(
        options,
        policies,
        templates,
        runId,
        paramsHash,
        SparkSettings.engineThreads(spark.sparkContext(), InferResources.threads(options)),
        output.steps(),
        new SerializableConfiguration(spark.sparkContext().hadoopConfiguration()));
  }
}
