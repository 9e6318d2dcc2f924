package dev.questspark.job.run;

import dev.questspark.engine.model.family.ConfigOverrides;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.tokens.SameTokens;
import dev.questspark.job.executor.InferSettings;
import dev.questspark.job.model.ModelFolder;
import dev.questspark.job.model.ModelLocation;
import dev.questspark.job.options.BoundOptions;
import dev.questspark.job.options.InferenceOptions;
import dev.questspark.job.output.OutputFolder;
import dev.questspark.job.output.RunFacts;
import dev.questspark.job.prompt.PromptTokenizer;
import dev.questspark.job.prompt.TaskTemplates;
import dev.questspark.job.resources.InferResources;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;

/**
 * A run's model, its output folder and what its tasks need to know, put together on the driver;
 * every command that runs an engine begins with it.
 *
 * @param reader a second model that reads
 */
public record OpenRun(
    SparkSession spark,
    ModelFolder model,
    Optional<ModelFolder> reader,
    OutputFolder output,
    InferSettings settings) {
  private static final int SUFFIX = 4;

  /**
   * Finds the model and the output folder.
   *
   * @param deciding whatever else decides what is computed, for the parameters' hash
   * @throws dev.questspark.engine.failure.ConfigException when one of them cannot be used
   */
  public static OpenRun open(
      SparkSession spark,
      BoundOptions options,
      List<ReadPolicy> policies,
      TaskTemplates templates,
      String deciding) {
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    boolean local = spark.sparkContext().isLocal();
    ModelLocation location = options.inference().engine().model().location();
    ModelFolder model = ModelFolder.of(location, local, hadoop);
    if (local || model.visible()) {
      model.check(options.inference().engine().model().configOverrides());
      PromptTokenizer.check(options.inference().prompt(), templates, model.path());
    }
    ModelLocation readerLocation = options.inference().engine().model().reader();
    Optional<ModelFolder> reader =
        Optional.ofNullable(readerLocation).map(it -> ModelFolder.of(it, local, hadoop));
    reader.ifPresent(it -> check(it, model, local));
    OptionalInt layers = model.layers(options.inference().engine().model().configOverrides());
    OutputFolder output = new OutputFolder(options.output().folder(), hadoop);
    String paramsHash =
        ModelFolder.hash(
            model.fingerprint()
                + reader.map(it -> " " + it.fingerprint()).orElse("")
                + options.listing().deciding()
                + templates.ask()
                + templates.combine()
                + deciding);
    InferenceOptions found =
        options
            .inference()
            .of(
                model.pinned().map(location::named).orElse(location),
                reader
                    .flatMap(ModelFolder::pinned)
                    .map(name -> readerLocation.named(name)) // there may be no location to name
                    .orElse(readerLocation));
    OptionalInt readerLayers =
        reader.map(it -> it.layers(ConfigOverrides.NONE)).orElse(OptionalInt.of(0));
    InferSettings settings =
        new InferSettings(
            layers.isEmpty() || readerLayers.isEmpty()
                ? found
                : found.withCachePolicies(
                    it -> it.forModel(layers.getAsInt(), readerLayers.getAsInt())),
            policies,
            templates,
            newId(),
            paramsHash,
            InferResources.threads(options.inference(), spark.sparkContext()),
            output.steps(),
            new SerializableConfiguration(hadoop));
    return new OpenRun(spark, model, reader, output, settings);
  }

  /** A second model's ids must mean what they mean to the first. */
  private static void check(ModelFolder reader, ModelFolder model, boolean local) {
    if (local || reader.visible()) {
      reader.check(ConfigOverrides.NONE);
      if (model.visible()) {
        SameTokens.require(model.path(), reader.path());
      }
    }
  }

  private static String newId() {
    return DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss")
            .format(Instant.now().atZone(ZoneOffset.UTC))
        + "-"
        + UUID.randomUUID().toString().substring(0, SUFFIX);
  }

  /**
   * What is known of the run besides its options.
   *
   * @param durationNanos inference
   * @param records in the corpus
   */
  public RunFacts facts(Instant startedAt, long durationNanos, long records, int partitions) {
    SparkContext context = spark.sparkContext();
    return new RunFacts(
        settings.runId(),
        startedAt,
        durationNanos,
        new RunFacts.Application(
            context.applicationId(),
            context.master(),
            context.conf().get("spark.driver.host", ""),
            version(),
            spark.version()),
        model.fingerprint(),
        reader.map(ModelFolder::fingerprint),
        records,
        partitions);
  }

  /** The version of the jar. */
  private static String version() {
    String version = OpenRun.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }
}
