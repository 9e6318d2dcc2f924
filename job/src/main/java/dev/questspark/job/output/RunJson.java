package dev.questspark.job.output;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import dev.questspark.engine.stats.EngineReport;
import dev.questspark.job.executor.InferSettings;
import dev.questspark.job.options.OptionListing;
import java.util.LinkedHashMap;
import java.util.Map;

/** {@code run.json}: the resolved options and where each came from, versions, the model, times. */
public final class RunJson {
  private static final double NANOS_PER_S = 1e9;

  private RunJson() {}

  /** The text when the run begins; it tells a later run what its answers were made with. */
  public static String begun(OptionListing options, InferSettings settings, RunFacts facts) {
    return text(head(options, settings, facts, "running"));
  }

  /** The text when the run has ended. */
  public static String of(
      OptionListing options,
      InferSettings settings,
      RunFacts facts,
      Map<String, EngineReport> engines) {
    return of(options, settings, facts, engines, 0, 0);
  }

  /**
   * The same with what did not have to be computed.
   *
   * @param rowsFound rows that earlier runs had finished
   * @param rowsKept rows that lost attempts at a task had committed
   */
  public static String of(
      OptionListing options,
      InferSettings settings,
      RunFacts facts,
      Map<String, EngineReport> engines,
      long rowsFound,
      long rowsKept) {
    JsonObject run = head(options, settings, facts, "finished");
    run.addProperty("duration_s", facts.durationNanos() / NANOS_PER_S);
    run.addProperty("records", facts.records());
    run.addProperty("partitions", facts.partitions());
    run.addProperty("rows_found_finished", rowsFound);
    run.addProperty("rows_kept_of_lost_tasks", rowsKept);
    JsonObject reports = new JsonObject();
    engines.forEach((id, report) -> reports.add(id, engine(report)));
    run.add("engines", reports);
    return text(run);
  }

  /** Everything that goes into the parameters' hash, by name. */
  public static Map<String, String> decides(
      OptionListing options, InferSettings settings, String modelFingerprint) {
    Map<String, String> deciding = new LinkedHashMap<>(options.deciding());
    deciding.put("the model", modelFingerprint);
    deciding.put("the prompt template", settings.templates().ask());
    deciding.put("the combine template", settings.templates().combine());
    return deciding;
  }

  private static JsonObject head(
      OptionListing listing, InferSettings settings, RunFacts facts, String state) {
    JsonObject run = new JsonObject();
    run.addProperty("run_id", facts.runId());
    run.addProperty("state", state);
    run.addProperty("started_at", facts.startedAt().toString());
    run.addProperty("app_version", facts.appVersion());
    run.addProperty("spark_version", facts.sparkVersion());
    run.addProperty("java_version", System.getProperty("java.version"));
    run.addProperty("model_fingerprint", facts.modelFingerprint());
    run.addProperty("params_hash", settings.paramsHash());
    JsonObject decides = new JsonObject();
    decides(listing, settings, facts.modelFingerprint()).forEach(decides::addProperty);
    run.add("decides", decides);
    JsonObject options = new JsonObject();
    listing
        .settings()
        .forEach(
            (name, setting) -> {
              JsonObject option = new JsonObject();
              option.addProperty("value", setting.texts().isEmpty() ? null : setting.shown());
              option.addProperty("from", setting.origin());
              options.add(name, option);
            });
    run.add("options", options);
    return run;
  }

  private static String text(JsonObject run) {
    return new GsonBuilder().setPrettyPrinting().serializeNulls().create().toJson(run) + "\n";
  }

  private static JsonObject engine(EngineReport report) {
    JsonObject engine = new JsonObject();
    engine.addProperty("backend", report.setup().backend());
    engine.addProperty("dtype", report.setup().dtype());
    engine.addProperty("model_load_s", report.setup().loadNanos() / NANOS_PER_S);
    engine.addProperty("warmup_s", report.setup().warmupNanos() / NANOS_PER_S);
    engine.addProperty("busy_s", report.work().busyNanos() / NANOS_PER_S);
    engine.addProperty("max_model_len", report.setup().maxModelLen());
    engine.addProperty("kv_pages", report.setup().kvPages());
    engine.addProperty("kv_cache_bytes", report.memory().kvCacheBytes());
    engine.addProperty("weight_bytes", report.memory().weightBytes());
    engine.addProperty("workspace_bytes", report.memory().workspaceBytes());
    return engine;
  }
}
