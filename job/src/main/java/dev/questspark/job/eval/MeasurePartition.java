package dev.questspark.job.eval;

import dev.questspark.engine.Engine;
import dev.questspark.job.infer.EngineReports;
import dev.questspark.job.infer.ExecutorEngine;
import dev.questspark.job.infer.TaskEngine;
import java.io.Serial;
import java.util.Iterator;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.VoidFunction;
import org.apache.spark.util.LongAccumulator;

/** One Spark task: measures the documents of its part that have no cell yet. */
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
    if (!lines.hasNext()) {
      return;
    }
    ExecutorEngine.Lease lease = TaskEngine.lease(settings.infer(), reports);
    Engine engine = lease.engine();
    CellFiles cells = new CellFiles(settings.cellsFolder(), settings.infer().hadoop().value());
    DocumentMeasurement measurement = new DocumentMeasurement(engine, settings);
    TaskContext task = TaskContext.get();
    while (lines.hasNext()) {
      task.killTaskIfInterrupted();
      String line = lines.next();
      String name = CellFiles.name(line, settings.infer().paramsHash(), settings.repetitions());
      if (!cells.has(name)) {
        cells.write(name, measure(measurement, line), String.valueOf(task.taskAttemptId()));
      }
      finished.add(1);
    }
  }

  private Cell measure(DocumentMeasurement measurement, String line) {
    EvalDocument document = Json.LINES.fromJson(line, EvalDocument.class);
    if (settings.repetitions() == 0) {
      return measurement.measure(document);
    }
    synchronized (ALONE) {
      return measurement.measure(document);
    }
  }
}
