package dev.questspark.job.sink;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import dev.questspark.engine.stats.EngineReport;
import dev.questspark.job.infer.InferSettings;
import java.util.Map;

/** {@code run.json}: the resolved options and where each came from, versions, the model, times. */
public final class RunJson {
  private static final double NANOS_PER_S = 1e9;

  private RunJson() {}

  /** The file's text. */
  public static String of(
      InferSettings settings, RunFacts facts, Map<String, EngineReport> engines) {
    JsonObject run = new JsonObject();
    run.addProperty("run_id", facts.runId());
    run.addProperty("started_at", facts.startedAt().toString());
    run.addProperty("duration_s", facts.durationNanos() / NANOS_PER_S);
    run.addProperty("app_version", facts.appVersion());
    run.addProperty("spark_version", facts.sparkVersion());
    run.addProperty("java_version", System.getProperty("java.version"));
    run.addProperty("model_fingerprint", facts.modelFingerprint());
    run.addProperty("params_hash", settings.paramsHash());
    run.addProperty("records", facts.records());
    run.addProperty("partitions", facts.partitions());
    JsonObject options = new JsonObject();
    settings
        .options()
        .settings()
        .forEach(
            (name, setting) -> {
              JsonObject option = new JsonObject();
              option.addProperty("value", setting.texts().isEmpty() ? null : setting.shown());
              option.addProperty("from", setting.origin());
              options.add(name, option);
            });
    run.add("options", options);
    JsonObject reports = new JsonObject();
    engines.forEach((id, report) -> reports.add(id, engine(report)));
    run.add("engines", reports);
    return new GsonBuilder().setPrettyPrinting().serializeNulls().create().toJson(run) + "\n";
  }

  private static JsonObject engine(EngineReport report) {
    JsonObject engine = new JsonObject();
    engine.addProperty("backend", report.backend());
    engine.addProperty("dtype", report.dtype());
    engine.addProperty("model_load_s", report.modelLoadNanos() / NANOS_PER_S);
    engine.addProperty("warmup_s", report.warmupNanos() / NANOS_PER_S);
    engine.addProperty("busy_s", report.busyNanos() / NANOS_PER_S);
    engine.addProperty("max_model_len", report.maxModelLen());
    engine.addProperty("kv_pages", report.kvPages());
    engine.addProperty("kv_cache_bytes", report.kvCacheBytes());
    engine.addProperty("weight_bytes", report.weightBytes());
    engine.addProperty("workspace_bytes", report.workspaceBytes());
    return engine;
  }
}
