package dev.questspark.job.eval;

import dev.questspark.job.executor.EngineReports;
import dev.questspark.job.executor.TaskEngine;
import java.io.Serial;
import java.util.Iterator;
import java.util.Set;
import java.util.function.BiConsumer;
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
    Set<String> finishedCells = results.names();
    DocumentMeasurement measurement = null; // a part that is finished needs no engine
    while (lines.hasNext()) {
      task.killTaskIfInterrupted();
      String line = lines.next();
      EvalDocument document = Json.LINES.fromJson(line, EvalDocument.class);
      DocumentCells cells = DocumentCells.of(settings, document, line);
      DocumentCells.Missing missing = cells.missing(finishedCells::contains);
      if (!missing.nothing()) {
        if (measurement == null) {
          measurement =
              new DocumentMeasurement(TaskEngine.lease(settings.infer(), reports), settings);
        }
        String attempt = String.valueOf(task.taskAttemptId());
        measure(
            measurement,
            document,
            cells,
            missing,
            (cell, result) -> results.write(cell, result, attempt));
      }
      finished.add(1);
    }
  }

  private void measure(
      DocumentMeasurement measurement,
      EvalDocument document,
      DocumentCells cells,
      DocumentCells.Missing missing,
      BiConsumer<String, DocumentResult> write) {
    if (settings.protocol().repetitions() == 0) {
      measurement.measure(document, cells, missing, write);
      return;
    }
    synchronized (ALONE) {
      measurement.measure(document, cells, missing, write);
    }
  }
}
