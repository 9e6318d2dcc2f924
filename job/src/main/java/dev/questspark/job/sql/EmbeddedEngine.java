package dev.questspark.job.sql;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.job.executor.InferSettings;
import dev.questspark.job.executor.Policies;
import dev.questspark.job.options.InferenceOptions;
import dev.questspark.job.prompt.TaskTemplates;
import dev.questspark.job.resources.InferResources;
import java.util.List;
import org.apache.spark.SparkContext;
import org.apache.spark.util.SerializableConfiguration;

/**
 * The engine inside somebody else's query: no output folder, no step trace, one answer per
 * question. It stays open between queries with the same engine options.
 */
public final class EmbeddedEngine {
  private static final String RUN = "query";

  private EmbeddedEngine() {}

  /**
   * Checks everything that needs no Spark.
   *
   * @throws ConfigException when a template cannot be used, or the options name several policies
   */
  public static void check(InferenceOptions options) {
    TaskTemplates.of(options.prompt());
    options.requireReader();
    policies(options);
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

  private static List<ReadPolicy> policies(InferenceOptions options) {
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
