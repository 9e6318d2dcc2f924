package dev.questspark.job.eval;

import dev.questspark.job.executor.EngineReports;
import dev.questspark.job.executor.TaskEngine;
import java.io.Serial;
import java.util.Iterator;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.VoidFunction;
import org.apache.spark.util.LongAccumulator;

/** One Spark task: measures the documents of its part that have no result yet. */
final class MeasurePartition implements VoidFunction<Iterator<String>> {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * Speed is measured by one task of a JVM at a time: another task's document would share the
   * engine's steps.
   */
  private static final Object ALONE = new Object();

  private final EvalSettings settings;
  private final EngineReports reports;
  private final LongAccumulator finished;

  MeasurePartition(EvalSettings settings, EngineReports reports, LongAccumulator finished) {
    this.settings = settings;
    this.reports = reports;
    this.finished = finished;
  }

  @Override
  public void call(Iterator<String> lines) {
    DocumentResultFiles results =
        new DocumentResultFiles(settings.cellsFolder(), settings.infer().hadoop().value());
    TaskContext task = TaskContext.get();
    DocumentMeasurement measurement = null; // a part that is finished needs no engine
    while (lines.hasNext()) {
      task.killTaskIfInterrupted();
      String line = lines.next();
      EvalDocument document = Json.LINES.fromJson(line, EvalDocument.class);
      String name = settings.resultName(document, line);
      if (!results.has(name)) {
        if (measurement == null) {
          measurement =
              new DocumentMeasurement(TaskEngine.lease(settings.infer(), reports), settings);
        }
        results.write(name, measure(measurement, document), String.valueOf(task.taskAttemptId()));
      }
      finished.add(1);
    }
  }

  private DocumentResult measure(DocumentMeasurement measurement, EvalDocument document) {
    if (settings.protocol().repetitions() == 0) {
      return measurement.measure(document);
    }
    synchronized (ALONE) {
      return measurement.measure(document);
    }
  }
}
