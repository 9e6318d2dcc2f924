package dev.questspark.job.output;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.questspark.job.options.ExitCode;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.SparkSession;

/**
 * How a run ended, for {@code run.json}.
 *
 * @param exitCode of {@link ExitCode}
 * @param failure why it failed, in one sentence; null unless it did
 * @param executors who took part
 */
public record RunEnd(int exitCode, String failure, Rows rows, Executors executors) {

  /**
   * Answer rows.
   *
   * @param answered by this run, error rows included
   * @param errors among them, by error code
   * @param found of earlier runs
   * @param kept of the answered ones, committed by executors that were lost
   */
  public record Rows(long answered, Map<String, Long> errors, long found, long kept) {
    /** Counts what the run has committed. */
    public static Rows of(
        SparkSession spark,
        OutputFolder output,
        List<PolicyStats> stats,
        String runId,
        long found,
        long kept) {
      long answered = stats.stream().mapToLong(PolicyStats::rows).sum();
      boolean failed = stats.stream().anyMatch(policy -> policy.failed() > 0);
      return new Rows(
          answered,
          failed ? AnswerTotals.errors(output.answers().read(spark), runId) : Map.of(),
          found,
          kept);
    }
  }

  /**
   * Executors of the application.
   *
   * @param hosts theirs, each once
   * @param lost those that ended before the run
   */
  public record Executors(Collection<String> hosts, List<Lost> lost) {}

  /**
   * An executor that ended before the run.
   *
   * @param reason in Spark's words
   */
  public record Lost(String id, String host, String reason) {}

  String state() {
    return switch (exitCode) {
      case ExitCode.FAILED, ExitCode.REFUSED -> "failed";
      case ExitCode.STOPPED_AT_DEADLINE -> "stopped_at_deadline";
      default -> RunJson.FINISHED;
    };
  }

  void addTo(JsonObject run) {
    run.addProperty("ended_at", Instant.now().toString());
    run.addProperty("exit_code", exitCode);
    if (failure != null) {
      run.addProperty("failure", failure);
    }
    if (rows != null) {
      run.addProperty("rows_answered", rows.answered);
      run.addProperty("rows_found_finished", rows.found);
      run.addProperty("rows_kept_of_lost_tasks", rows.kept);
      JsonObject errors = new JsonObject();
      rows.errors.forEach(errors::addProperty);
      run.add("errors", errors);
    }
    JsonArray hosts = new JsonArray();
    executors.hosts.stream().sorted().forEach(hosts::add);
    run.add("executor_hosts", hosts);
    JsonArray lost = new JsonArray();
    for (Lost executor : executors.lost) {
      JsonObject one = new JsonObject();
      one.addProperty("id", executor.id);
      one.addProperty("host", executor.host);
      one.addProperty("reason", executor.reason);
      lost.add(one);
    }
    run.add("executors_lost", lost);
  }
}
