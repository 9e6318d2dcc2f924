package dev.questspark.job.plugin;

import com.codahale.metrics.Gauge;
import com.codahale.metrics.MetricRegistry;
import dev.questspark.job.executor.EngineActivity;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;
import java.util.function.ToLongFunction;

/**
 * Gauges over the open engines, named as the columns of {@code stats/}, as Spark's metrics system
 * takes them from a plugin. Sums start when an engine opens.
 */
final class EngineMetrics {
  private static final double NANOS_PER_S = 1e9;

  private final MetricRegistry registry;
  private final Supplier<EngineActivity> activity;

  private EngineMetrics(MetricRegistry registry, Supplier<EngineActivity> activity) {
    this.registry = registry;
    this.activity = activity;
  }

  /** Registers all of them. */
  static void register(MetricRegistry registry, Supplier<EngineActivity> activity) {
    EngineMetrics metrics = new EngineMetrics(registry, activity);
    metrics.count("engines", EngineActivity::engines);
    metrics.count("running", all -> all.load().running());
    metrics.count("waiting", all -> all.load().waiting());
    metrics.count("kv_pages", all -> all.load().kvPages());
    metrics.count("kv_pages_used", all -> all.load().kvPagesUsed());
    metrics.count("engine_steps", all -> all.time().steps());
    metrics.count("prefill_tokens", all -> all.tokens().prefill());
    metrics.count("question_tokens", all -> all.tokens().question());
    metrics.count("decode_tokens", all -> all.tokens().decode());
    metrics.count("kv_bytes_read", all -> all.reads().bytesRead());
    metrics.count("kv_bytes_dense", all -> all.reads().bytesDense());
    metrics.number("engine_busy_s", all -> all.time().busyNanos() / NANOS_PER_S);
    metrics.number(
        "engine_busy_share", all -> ratio(all.time().busyNanos(), all.time().openNanos()));
    metrics.number(
        "prefill_throughput",
        all -> NANOS_PER_S * ratio(all.tokens().prefill(), all.tokens().prefillNanos()));
    metrics.number(
        "decode_throughput",
        all -> NANOS_PER_S * ratio(all.tokens().decode(), all.tokens().decodeNanos()));
  }

  private void count(String name, ToLongFunction<EngineActivity> value) {
    registry.register(name, (Gauge<Long>) () -> value.applyAsLong(activity.get()));
  }

  private void number(String name, ToDoubleFunction<EngineActivity> value) {
    registry.register(name, (Gauge<Double>) () -> value.applyAsDouble(activity.get()));
  }

  /** A gauge has no null: 0 as long as there is nothing to divide by. */
  private static double ratio(long part, long whole) {
    return whole == 0 ? 0 : (double) part / whole;
  }
}
