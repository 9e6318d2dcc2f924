package dev.questspark.job.plugin;

import org.apache.spark.SparkConf;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.SparkPlugin;

/**
 * Checks every executor before its first task, shows the engines in Spark's metrics system, closes
 * them in the end. The job adds it by itself; a session that only calls the SQL functions may name
 * it in {@code spark.plugins}.
 */
public final class QuestSparkPlugin implements SparkPlugin {
  private static final String PLUGINS = "spark.plugins";

  @Override
  public DriverPlugin driverPlugin() {
    return new QuestDriverPlugin();
  }

  @Override
  public ExecutorPlugin executorPlugin() {
    return new QuestExecutorPlugin();
  }

  /** Adds the plugin behind those that the user has, unless it is among them. */
  public static void addTo(SparkConf conf) {
    String own = QuestSparkPlugin.class.getName();
    String present = conf.get(PLUGINS, "");
    if (present.isBlank()) {
      conf.set(PLUGINS, own);
    } else if (!present.contains(own)) {
      conf.set(PLUGINS, present + "," + own);
    }
  }
}
