package dev.questspark.engine;

import com.google.gson.Gson;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.stats.StepStats;
import dev.questspark.engine.tokens.ByteTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/**
 * Prefill and decode of a whole model at a full batch of distinct documents, under each of some
 * cache policies with each of some policies. Not a test: {@code kernels/gpu/run.sh} runs it where
 * there is a GPU.
 */
public final class ModelBenchmark {
  private static final int NEW_TOKENS = 96;

  private ModelBenchmark() {}

  /**
   * {@code ModelBenchmark OUT.jsonl MODEL BACKEND BATCH CONTEXT MAX_NUM_BATCHED_TOKENS POLICIES
   * CACHE_POLICIES}, policies separated by semicolons.
   */
  public static void main(String[] arguments) throws IOException {
    Path out = Path.of(arguments[0]);
    int batch = Integer.parseInt(arguments[3]);
    int context = Integer.parseInt(arguments[4]);
    List<ReadPolicy> policies =
        Arrays.stream(arguments[6].split(";")).map(ReadPolicy::parse).toList();
    List<CachePolicy> cachePolicies =
        Arrays.stream(arguments[7].split(";")).map(CachePolicy::parse).toList();
    EngineConfig config =
        EngineConfig.builder(Path.of(arguments[1]))
            .device(DeviceName.parse(arguments[2]))
            .dtype(ComputeDType.BFLOAT16)
            .maxModelLen(context + NEW_TOKENS + 32)
            .maxNumSeqs(batch)
            .maxNumBatchedTokens(Integer.parseInt(arguments[5]))
            .cachePolicies(Set.copyOf(cachePolicies))
            .memoryUtilization(0.9)
            .build();
    List<StepStats> steps = Collections.synchronizedList(new ArrayList<>());
    try (Engine engine = Engine.open(config, new ByteTokenizer(), steps::add)) {
      for (CachePolicy cachePolicy : cachePolicies) {
        for (ReadPolicy policy : policies) {
          steps.clear();
          run(engine, cachePolicy, policy, batch, context);
          report(out, engine, cachePolicy, policy, batch, context, steps);
        }
      }
    }
  }

  private static void run(
      Engine engine, CachePolicy cachePolicy, ReadPolicy policy, int batch, int context) {
    Random random = new Random(7);
    SamplingParams endless = SamplingParams.endless(NEW_TOKENS);
    List<CompletableFuture<Completion>> futures = new ArrayList<>();
    for (int i = 0; i < batch; i++) {
      int[] document = random.ints(context, 3, 300).toArray();
      QuestionRequest question =
          new QuestionRequest(random.ints(8, 3, 300).toArray(), policy, false, endless);
      futures.addAll(
          engine.submit(new DocumentRequest("d" + i, document, cachePolicy, List.of(question))));
    }
    futures.forEach(CompletableFuture::join);
  }

  private static void report(
      Path out,
      Engine engine,
      CachePolicy cachePolicy,
      ReadPolicy policy,
      int batch,
      int context,
      List<StepStats> steps)
      throws IOException {
    long prefillNanos = 0;
    long prefillRows = 0;
    List<Long> decodeNanos = new ArrayList<>();
    long bytes = 0;
    for (StepStats step : steps) {
      if (step.rows().prefill() > 0 && step.rows().question() + step.rows().decode() == 0) {
        prefillNanos += step.nanos();
        prefillRows += step.rows().prefill();
      }
      if (step.rows().decode() == batch && step.rows().prefill() + step.rows().question() == 0) {
        decodeNanos.add(step.nanos());
        bytes = step.bytesRead();
      }
    }
    Collections.sort(decodeNanos);
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("what", "model " + policy.text());
    line.put("cache_policy", cachePolicy.text());
    line.put("backend", engine.report().setup().backend());
    line.put("batch", batch);
    line.put("context", context);
    line.put("prefill_tokens_per_s", prefillNanos == 0 ? null : prefillRows * 1e9 / prefillNanos);
    line.put("full_decode_steps", decodeNanos.size());
    double step = decodeNanos.isEmpty() ? Double.NaN : decodeNanos.get(decodeNanos.size() / 2);
    line.put("ms_per_step", step / 1e6);
    line.put("decode_tokens_per_s", batch * 1e9 / step);
    line.put("kv_bytes_per_step", bytes);
    line.put("weight_bytes", engine.report().memory().weightBytes());
    line.put("bytes_per_s", (bytes + engine.report().memory().weightBytes()) * 1e9 / step);
    String json =
        new Gson().newBuilder().serializeSpecialFloatingPointValues().create().toJson(line);
    System.out.println(json);
    Files.writeString(
        out,
        json + "\n",
        java.nio.file.StandardOpenOption.CREATE,
        java.nio.file.StandardOpenOption.APPEND);
  }
}
