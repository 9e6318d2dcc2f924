package dev.questspark.job.output;

import dev.questspark.engine.stats.EngineReport;
import dev.questspark.job.executor.InferSettings;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.SparkSession;

/**
 * Writes {@code stats/}. Counts and latencies come from the committed answers, throughputs of
 * prefill and decode from the engines' own clocks, start-up apart.
 */
public final class StatsWriter {
  private StatsWriter() {}

  /** Appends a row per policy, and gives the same facts back for the console. */
  public static List<PolicyStats> write(
      SparkSession spark,
      OutputFolder output,
      InferSettings settings,
      RunFacts facts,
      Collection<EngineReport> engines,
      RunFacts.Losses losses) {
    Map<String, AnswerTotals> answers =
        AnswerTotals.read(output.answers().read(spark), settings.runId());
    EngineSums sums = new EngineSums(engines);
    List<PolicyStats> stats =
        settings.policies().stream()
            .map(
                policy ->
                    new PolicyStats(
                        settings, facts, policy, AnswerTotals.of(answers, policy), sums, losses))
            .toList();
    spark
        .createDataFrame(stats.stream().map(StatsSchema::row).toList(), StatsSchema.schema())
        .coalesce(1)
        .write()
        .mode("append")
        .parquet(output.stats());
    return stats;
  }
}
