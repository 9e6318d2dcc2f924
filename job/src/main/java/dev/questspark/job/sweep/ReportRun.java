package dev.questspark.job.sweep;

import dev.questspark.job.options.BoundOptions;
import dev.questspark.job.options.ExitCode;
import dev.questspark.job.report.Report;
import java.io.IOException;
import java.io.PrintStream;
import org.apache.spark.sql.SparkSession;

/** {@code report DIR}: writes the report of a finished sweep or evaluation again. */
public final class ReportRun {
  private final BoundOptions options;
  private final PrintStream out;

  public ReportRun(BoundOptions options, PrintStream out) {
    this.options = options;
    this.out = out;
  }

  /** Runs; returns the process's exit code. */
  public int run(SparkSession spark) throws IOException {
    Report report = Report.read(spark, options.output().folder(), options.measure().allowed());
    report.write();
    report.print(out);
    return ExitCode.DONE;
  }
}
