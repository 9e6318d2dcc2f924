package dev.questspark.job.output;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.questspark.engine.stats.EngineReport;
import dev.questspark.job.executor.InferSettings;
import dev.questspark.job.options.OptionListing;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * {@code run.json}: the resolved options and where each came from, versions, the model, the Spark
 * application, and how it ended.
 */
public final class RunJson {
  static final String FINISHED = "finished";
  private static final String RUNNING = "running";
  private static final String STATE = "state";
  private static final double NANOS_PER_S = 1e9;

  private RunJson() {}

  /** The text when the run begins; it tells a later run what its answers were made with. */
  public static String begun(OptionListing options, InferSettings settings, RunFacts facts) {
    return text(head(options, settings, facts, RUNNING));
  }

  /** The text when a measurement has ended. */
  public static String of(
      OptionListing options,
      InferSettings settings,
      RunFacts facts,
      Map<String, EngineReport> engines) {
    JsonObject run = head(options, settings, facts, FINISHED);
    measured(run, facts, engines);
    run.addProperty("ended_at", Instant.now().toString());
    return text(run);
  }

  /** The text when a run has ended. */
  public static String ended(
      OptionListing options,
      InferSettings settings,
      RunFacts facts,
      Map<String, EngineReport> engines,
      RunEnd end) {
    JsonObject run = head(options, settings, facts, end.state());
    measured(run, facts, engines);
    end.addTo(run);
    return text(run);
  }

  private static void measured(JsonObject run, RunFacts facts, Map<String, EngineReport> engines) {
    run.addProperty("duration_s", facts.durationNanos() / NANOS_PER_S);
    run.addProperty("records", facts.records());
    run.addProperty("partitions", facts.partitions());
    JsonObject reports = new JsonObject();
    engines.forEach((id, report) -> reports.add(id, engine(report)));
    run.add("engines", reports);
  }

  /**
   * The text of a run that did not live to write its end; nothing where it did.
   *
   * @param text of its run.json
   */
  static Optional<String> settled(String text) {
    try {
      JsonObject run = JsonParser.parseString(text).getAsJsonObject();
      JsonElement state = run.get(STATE);
      if (state == null || !state.getAsString().equals(RUNNING)) {
        return Optional.empty();
      }
      run.addProperty(STATE, "died");
      return Optional.of(text(run));
    } catch (JsonParseException | IllegalStateException cutShort) {
      return Optional.empty();
    }
  }

  /** Everything that goes into the parameters' hash, by name. */
  public static Map<String, String> decides(
      OptionListing options,
      InferSettings settings,
      String modelFingerprint,
      Optional<String> readerFingerprint) {
    Map<String, String> deciding = new LinkedHashMap<>(options.deciding());
    deciding.put("the model", modelFingerprint);
    readerFingerprint.ifPresent(it -> deciding.put("the reader model", it));
    deciding.put("the prompt template", settings.templates().ask());
    deciding.put("the combine template", settings.templates().combine());
    return deciding;
  }

  private static JsonObject head(
      OptionListing listing, InferSettings settings, RunFacts facts, String state) {
    JsonObject run = new JsonObject();
    run.addProperty("run_id", facts.runId());
    run.addProperty(STATE, state);
    run.addProperty("started_at", facts.startedAt().toString());
    run.addProperty("application_id", facts.application().id());
    run.addProperty("master", facts.application().master());
    run.addProperty("driver_host", facts.application().driverHost());
    run.addProperty("app_version", facts.application().version());
    run.addProperty("spark_version", facts.application().sparkVersion());
    run.addProperty("java_version", System.getProperty("java.version"));
    run.addProperty("model_fingerprint", facts.modelFingerprint());
    run.addProperty("reader_model_fingerprint", facts.readerFingerprint().orElse(null));
    run.addProperty("params_hash", settings.paramsHash());
    JsonObject decides = new JsonObject();
    decides(listing, settings, facts.modelFingerprint(), facts.readerFingerprint())
        .forEach(decides::addProperty);
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
