package dev.questspark.job.run;

import dev.questspark.engine.select.SelectorSpec;
import dev.questspark.job.executor.InferSettings;
import dev.questspark.job.model.ModelFolder;
import dev.questspark.job.options.BoundOptions;
import dev.questspark.job.output.OutputFolder;
import dev.questspark.job.prompt.TaskTemplates;
import dev.questspark.job.resources.InferResources;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.UUID;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;

/** What tasks need to know, put together on the driver; every command of the job starts with it. */
public final class RunSettings {
  private static final int SUFFIX = 4;

  private RunSettings() {}

  /**
   * @param deciding whatever else decides what is computed, for the parameters' hash
   */
  public static InferSettings of(
      SparkSession spark,
      BoundOptions options,
      List<SelectorSpec> policies,
      TaskTemplates templates,
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
                + options.listing().deciding()
                + templates.ask()
                + templates.combine()
                + deciding);
    return new InferSettings(
        options.inference(),
        policies,
        templates,
        runId,
        paramsHash,
        InferResources.threads(options.inference(), spark.sparkContext()),
        output.steps(),
        new SerializableConfiguration(spark.sparkContext().hadoopConfiguration()));
  }

  /** The version of the jar. */
  public static String version() {
    String version = RunSettings.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }
}
