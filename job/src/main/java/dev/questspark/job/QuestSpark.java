package dev.questspark.job;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.executor.ExecutorEngine;
import dev.questspark.job.executor.FailurePolicy;
import dev.questspark.job.options.resolve.OptionResolver;
import dev.questspark.job.options.resolve.QueryOptions;
import dev.questspark.job.plugin.QuestDriverPlugin;
import dev.questspark.job.plugin.SparkVersion;
import dev.questspark.job.sql.SessionFunctions;
import dev.questspark.job.sql.call.ReleaseEngines;
import dev.questspark.job.sql.call.SqlWords;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.AnalysisException;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import scala.jdk.javaapi.CollectionConverters;

/**
 * The job and the SQL functions in a session that somebody else started: a notebook's, a service's.
 * Nothing here ends the process or the session, or prints.
 */
public final class QuestSpark {
  /** Local properties of a thread's jobs, which a run sets and gives back. */
  private static final List<String> JOB_GROUP =
      List.of("spark.jobGroup.id", "spark.job.description", "spark.job.interruptOnCancel");

  private QuestSpark() {}

  /**
   * Runs one job as {@code spark-submit} would, with the session's serializer and executors.
   *
   * @param options by name (snake_case) to a text, number, boolean, or an array or collection of
   *     such; {@code spark.questspark.*} of the session gives the others
   * @throws ConfigException when the job cannot start so, in one sentence
   */
  public static RunResult run(SparkSession spark, Map<String, ?> options) {
    SparkVersion.check();
    ByteArrayOutputStream console = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(console, true, StandardCharsets.UTF_8);
    SparkConf conf = conf(spark);
    LongDocJob.Checked checked =
        SqlWords.in(
            () ->
                LongDocJob.check(
                    OptionResolver.resolve(texts(options), LongDocJob.conf(conf)), conf, out));
    SparkContext context = spark.sparkContext();
    List<String> before = JOB_GROUP.stream().map(context::getLocalProperty).toList();
    try {
      int code = checked.command().run(sessionOf(spark));
      return new RunResult(
          checked.options().output().folder(), code, console.toString(StandardCharsets.UTF_8));
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    } catch (RuntimeException failed) {
      Optional<RuntimeException> refused =
          QuestDriverPlugin.takeRefusal().or(() -> FailurePolicy.configError(failed));
      throw refused.isPresent() ? refused.get() : failed;
    } finally {
      for (int i = 0; i < JOB_GROUP.size(); i++) {
        context.setLocalProperty(JOB_GROUP.get(i), before.get(i));
      }
    }
  }

  /**
   * The same over the rows of a query, in the place of {@code input}.
   *
   * @param documents their columns are named by {@code id_col}, {@code text_col} and the like
   */
  public static RunResult run(Dataset<Row> documents, Map<String, ?> options) {
    String view = "questspark_" + UUID.randomUUID().toString().replace('-', '_');
    SparkSession spark = documents.sparkSession();
    String database = spark.conf().get("spark.sql.globalTempDatabase", "global_temp");
    try {
      documents.createGlobalTempView(view);
      Map<String, Object> all = new LinkedHashMap<>(options);
      all.put("input_table", database + "." + view);
      return run(spark, all);
    } catch (AnalysisException known) {
      throw new IllegalStateException(known);
    } finally {
      spark.catalog().dropGlobalTempView(view);
    }
  }

  /**
   * Makes {@code ai_answer}, {@code ai_summarize} and {@code ai_release} known to a session that
   * was started without our extension.
   */
  public static void register(SparkSession spark) {
    SparkVersion.check();
    SessionFunctions.register(spark);
  }

  /**
   * Gives back the memory of engines that no task uses, in every process that has a slot free.
   *
   * @return how many were closed
   */
  public static int release(SparkSession spark) {
    int slots = spark.sparkContext().defaultParallelism();
    register(spark);
    return ExecutorEngine.closeIdle()
        + spark
            .range(0, slots, 1, slots)
            .selectExpr(ReleaseEngines.NAME + "() as closed")
            .collectAsList()
            .stream()
            .mapToInt(row -> row.getInt(0))
            .sum();
  }

  /** The context's conf, and over it what the session has set. */
  private static SparkConf conf(SparkSession spark) {
    SparkConf conf = spark.sparkContext().getConf();
    for (Map.Entry<String, String> key : QueryOptions.sparkKeys().entrySet()) {
      String value = spark.conf().get(key.getKey(), null);
      if (value != null) {
        conf.set(key.getKey(), value);
      }
    }
    return conf;
  }

  /** A session beside the user's with its settings, and those that the job's files depend on. */
  private static SparkSession sessionOf(SparkSession users) {
    SparkSession own = users.newSession();
    SparkConf wanted = SparkSettings.of(new SparkConf(false));
    CollectionConverters.asJava(users.conf().getAll())
        .forEach((key, value) -> set(own, key, value));
    Arrays.stream(wanted.getAll())
        .filter(setting -> setting._1().startsWith("spark.sql."))
        .forEach(setting -> set(own, setting._1(), setting._2()));
    return own;
  }

  private static void set(SparkSession spark, String key, String value) {
    if (spark.conf().isModifiable(key)) {
      spark.conf().set(key, value);
    }
  }

  private static Map<String, List<String>> texts(Map<String, ?> options) {
    Map<String, List<String>> texts = new LinkedHashMap<>();
    options.forEach(
        (name, value) -> {
          if (value instanceof Collection<?> several) {
            texts.put(name, several.stream().map(String::valueOf).toList());
          } else if (value instanceof Object[] several) {
            texts.put(name, Arrays.stream(several).map(String::valueOf).toList());
          } else if (value != null) {
            texts.put(name, List.of(String.valueOf(value)));
          }
        });
    return texts;
  }
}
