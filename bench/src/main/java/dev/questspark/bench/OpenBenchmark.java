package dev.questspark.bench;

import dev.questspark.engine.Engine;
import dev.questspark.engine.EngineConfig;
import dev.questspark.engine.model.family.ModelConfigReader;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.backend.DigestDType;
import dev.questspark.engine.ops.backend.WeightDType;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.stats.EngineReport;
import dev.questspark.engine.stats.StepStats;
import java.nio.file.Path;
import java.util.Set;
import java.util.function.Consumer;

/** Seconds from nothing to an engine that takes requests, and the memory it then holds. */
final class OpenBenchmark {
  private OpenBenchmark() {}

  static void run(Arguments arguments) {
    int context = arguments.number("context", 8192);
    long start = System.nanoTime();
    try (Engine engine = open(arguments, context, 1, 2048, step -> {})) {
      double seconds = (System.nanoTime() - start) / 1e9;
      EngineReport report = engine.report();
      long planned = report.memory().weightBytes() + report.memory().kvCacheBytes();
      new Measurement("open")
          .with("backend", report.setup().backend())
          .with("process_cpu_s", Measurement.cpuSeconds())
          .with("warm_up_s", report.setup().warmupNanos() / 1e9)
          .with("weight_bytes", report.memory().weightBytes())
          .with("kv_cache_bytes", report.memory().kvCacheBytes())
          .with("workspace_bytes", report.memory().workspaceBytes())
          .with("resident_bytes", Measurement.statusBytes("VmRSS"))
          .with("peak_resident_bytes", Measurement.statusBytes("VmHWM"))
          .with("resident_over_plan_mb", (Measurement.statusBytes("VmRSS") - planned) / 1e6)
          .with("peak_over_plan_mb", (Measurement.statusBytes("VmHWM") - planned) / 1e6)
          .print(seconds, "s");
    }
  }

  /** An engine of {@code sequences} sequences of {@code context} tokens, one after the other. */
  static Engine open(
      Arguments arguments, int context, int sequences, int rowsPerStep, Consumer<StepStats> steps) {
    return open(arguments, context, sequences, rowsPerStep, Set.of(), steps);
  }

  /**
   * The same for documents of some policies.
   *
   * @param policies of documents, beside none
   */
  static Engine open(
      Arguments arguments,
      int context,
      int sequences,
      int rowsPerStep,
      Set<CachePolicy> policies,
      Consumer<StepStats> steps) {
    Path model = arguments.model();
    int vocabSize = ModelConfigReader.read(model).vocabSize();
    EngineConfig config =
        EngineConfig.builder(model)
            .dtype(ComputeDType.parse(arguments.text("dtype", "bfloat16")))
            .weightDType(WeightDType.parse(arguments.text("weight-dtype", "auto")))
            .maxModelLen(context)
            .maxNumSeqs(sequences)
            .cachePolicies(policies)
            .readerModel(arguments.folder("reader-model"))
            .maxNumBatchedTokens(arguments.number("rows-per-step", rowsPerStep))
            .memoryUtilization(0.9)
            .digestDType(DigestDType.parse(arguments.text("digest-dtype", "auto")))
            .threads(arguments.threads())
            .batchInvariant(arguments.flag("batch-invariant", true))
            .build();
    return Engine.open(config, new TokenIds(vocabSize), steps);
  }
}
