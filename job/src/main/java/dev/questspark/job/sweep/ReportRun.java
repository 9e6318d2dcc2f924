package dev.questspark.job.sweep;

import dev.questspark.job.options.JobKeys;
import dev.questspark.job.options.JobOptions;
import dev.questspark.job.report.Report;
import java.io.IOException;
import java.io.PrintStream;
import org.apache.spark.sql.SparkSession;

/** {@code report DIR}: writes the report of a finished sweep or evaluation again. */
public final class ReportRun {
  private final JobOptions options;
  private final PrintStream out;

  public ReportRun(JobOptions options, PrintStream out) {
    options.require(JobKeys.OUTPUT);
    this.options = options;
    this.out = out;
  }

  /** Runs; returns the process's exit code. */
  public int run(SparkSession spark) throws IOException {
    Report report =
        Report.read(spark, options.require(JobKeys.OUTPUT), options.get(JobKeys.MAX_QUALITY_LOSS));
    report.write();
    report.print(out);
    return 0;
  }
}
