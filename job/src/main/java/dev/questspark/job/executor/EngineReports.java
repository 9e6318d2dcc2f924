package dev.questspark.job.executor;

import dev.questspark.engine.stats.EngineReport;
import java.io.Serial;
import java.util.HashMap;
import java.util.Map;
import org.apache.spark.util.AccumulatorV2;

/**
 * Brings the engines' reports to the driver. A report sums everything since its engine opened, so
 * of two reports of one engine the later contains the earlier: merging keeps the later, and a task
 * that ran twice counts once.
 */
public final class EngineReports
    extends AccumulatorV2<Map.Entry<String, EngineReport>, Map<String, EngineReport>> {
  @Serial private static final long serialVersionUID = 1L;

  private final HashMap<String, EngineReport> latest = new HashMap<>();

  /**
   * Also asked by the executor's heartbeat while a task's copy is being read: Spark registers it
   * with the task before its own fields are there, and an exception would end the heartbeats.
   */
  @Override
  public boolean isZero() {
    return latest == null || latest.isEmpty();
  }

  @Override
  public EngineReports copy() {
    EngineReports copy = new EngineReports();
    copy.latest.putAll(latest);
    return copy;
  }

  @Override
  public void reset() {
    latest.clear();
  }

  @Override
  public void add(Map.Entry<String, EngineReport> report) {
    latest.merge(report.getKey(), report.getValue(), EngineReports::later);
  }

  @Override
  public void merge(
      AccumulatorV2<Map.Entry<String, EngineReport>, Map<String, EngineReport>> other) {
    other.value().entrySet().forEach(this::add);
  }

  /** Engine id to its latest report. */
  @Override
  public Map<String, EngineReport> value() {
    return Map.copyOf(latest);
  }

  private static EngineReport later(EngineReport one, EngineReport other) {
    return one.work().steps() >= other.work().steps() ? one : other;
  }
}
