package dev.questspark.engine;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.PageScore;
import java.nio.file.Path;
import java.util.Set;

/**
 * Everything an engine needs at open. Ranges and units are checked here and nowhere else.
 *
 * @param model Hugging Face folder
 * @param backend {@code cpu}, {@code cuda} or {@code cuda:N} (the GPU of ordinal N)
 * @param dtype {@code auto}, {@code float32} or {@code bfloat16}: arithmetic of {@code linear} and
 *     element type of the KV cache; on a GPU also of activations. {@code auto} is bfloat16 on a
 *     GPU, and on a CPU that multiplies bfloat16 if the checkpoint is in bfloat16 or float16; else
 *     float32
 * @param weightDType {@code auto} ({@code dtype}'s, or the checkpoint's bfloat16 under float32) or
 *     {@code int8}: how a CPU keeps the weights of {@code linear}
 * @param maxModelLen tokens of document, question and answer together; 0 takes the model's
 * @param pageSize tokens per KV page
 * @param maxNumSeqs sequences in flight
 * @param maxNumBatchedTokens rows per step
 * @param kvCacheBytes memory for KV pages and digests; 0 takes {@code memoryUtilization} of what is
 *     free at open
 * @param memoryUtilization share of free memory that an automatic KV cache takes
 * @param pageScores digest pairs to keep, one for each score that the run uses; empty for a dense
 *     run
 * @param digestDType {@code auto} (the cache's dtype) or {@code int8}: how page digests are kept
 *     ({@link dev.questspark.engine.ops.KvGeometry})
 * @param threads CPU worker threads
 * @param batchInvariant outputs do not depend on the batch (see {@code TensorOps})
 * @param overcommit admit on the prompt alone and preempt when pages run out, instead of reserving
 *     prompt + max_tokens
 */
public record EngineConfig(
    Path model,
    String backend,
    String dtype,
    String weightDType,
    int maxModelLen,
    int pageSize,
    int maxNumSeqs,
    int maxNumBatchedTokens,
    long kvCacheBytes,
    double memoryUtilization,
    Set<PageScore> pageScores,
    String digestDType,
    int threads,
    boolean batchInvariant,
    boolean overcommit) {

  public EngineConfig {
    pageScores = Set.copyOf(pageScores);
    require(
        maxModelLen >= 0, "max_model_len", maxModelLen, "a number of tokens, or 0 for the model's");
    require(pageSize >= 1 && pageSize <= 1024, "page_size", pageSize, "1 to 1024 tokens");
    require(maxNumSeqs >= 1, "max_num_seqs", maxNumSeqs, "at least 1");
    require(maxNumBatchedTokens >= 1, "max_num_batched_tokens", maxNumBatchedTokens, "at least 1");
    require(
        kvCacheBytes >= 0,
        "kv_cache_memory_bytes",
        kvCacheBytes,
        "a number of bytes, or 0 for automatic");
    require(
        memoryUtilization > 0 && memoryUtilization <= 1,
        "gpu_memory_utilization",
        memoryUtilization,
        "above 0 and at most 1");
    require(threads >= 1, "threads", threads, "at least 1");
  }

  /** The defaults for a model folder, on all processors of this machine. */
  public static EngineConfig of(Path model) {
    return new EngineConfig(
        model,
        "cpu",
        "auto",
        "auto",
        0,
        16,
        8,
        2048,
        0,
        0.5,
        Set.of(PageScore.MINMAX),
        "auto",
        Runtime.getRuntime().availableProcessors(),
        true,
        false);
  }

  private static void require(boolean holds, String key, Number value, String allowed) {
    if (!holds) {
      throw new ConfigException(key + " is " + value + "; it must be " + allowed);
    }
  }
}
