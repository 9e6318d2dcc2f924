package dev.questspark.job.sql.call;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.job.executor.ExecutorEngine;
import dev.questspark.job.executor.InferSettings;
import dev.questspark.job.executor.Policies;
import dev.questspark.job.model.ModelFolder;
import dev.questspark.job.options.EngineOptions;
import dev.questspark.job.options.InferenceOptions;
import dev.questspark.job.prompt.TaskTemplates;
import dev.questspark.job.resources.InferResources;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.spark.SparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerApplicationEnd;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;
import scala.Option;

/**
 * The engine inside somebody else's query: no output folder, no step trace, one answer per
 * question. It stays open between queries with the same engine options.
 */
public final class EmbeddedEngine {
  private static final String RUN = "query";

  /** Models that were found sound, and are not looked at again. */
  private static final Set<EngineOptions.Model> SOUND = ConcurrentHashMap.newKeySet();

  private static final Map<SparkContext, Boolean> WATCHED = new WeakHashMap<>();

  private EmbeddedEngine() {}

  /**
   * Checks everything that can be told before the query runs.
   *
   * @throws ConfigException when a template or the model cannot be used, or the options name
   *     several policies
   */
  public static void check(InferenceOptions options) {
    TaskTemplates.of(options.prompt());
    options.requireReader();
    policies(options);
    Option<SparkSession> active = SparkSession.getActiveSession();
    EngineOptions.Model model = options.engine().model();
    if (active.isDefined() && !model.location().remote() && !SOUND.contains(model)) {
      check(model, active.get().sparkContext());
    }
  }

  /** A folder that this machine should have; of a name on the hub, where it is known by now. */
  private static void check(EngineOptions.Model model, SparkContext spark) {
    ModelFolder folder = ModelFolder.of(model.location(), false, spark.hadoopConfiguration());
    boolean expected = spark.isLocal() && Path.of(model.location().model()).isAbsolute();
    if (folder.visible() || expected) {
      folder.check(model.configOverrides());
      SOUND.add(model); // a query is analysed many times
    }
  }

  /**
   * Closes the engines when the application ends, where tasks run in its own process; elsewhere an
   * engine ends with its executor.
   */
  public static void closeWith(SparkContext spark) {
    synchronized (WATCHED) {
      if (!spark.isLocal() || WATCHED.put(spark, true) != null) {
        return;
      }
    }
    spark.addSparkListener(
        new SparkListener() {
          @Override
          public void onApplicationEnd(SparkListenerApplicationEnd ended) {
            ExecutorEngine.closeAll();
          }
        });
  }

  /** What tasks need to know. */
  public static InferSettings settings(InferenceOptions options, SparkContext spark) {
    return new InferSettings(
        options.withCachePolicies(CachePolicy::apart), // calls of a row know nothing of each other
        policies(options),
        TaskTemplates.of(options.prompt()),
        RUN,
        "",
        InferResources.threads(options, spark),
        "",
        new SerializableConfiguration(spark.hadoopConfiguration()));
  }

  static List<ReadPolicy> policies(InferenceOptions options) {
    List<ReadPolicy> policies = Policies.ofAnswers(options);
    if (policies.size() != 1) {
      throw new ConfigException(
          "the options name "
              + policies.size()
              + " policies, and a query gives one answer; name one, for example kv_budget 2048 or"
              + " policies 'quest(budget=2048)'.");
    }
    return policies;
  }
}
