package dev.questspark.engine;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.engine.ops.backend.DigestDType;
import dev.questspark.engine.ops.backend.WeightDType;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.ops.prefill.TileSkipping;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.select.SelectionScratch;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Optional;
import java.util.Set;

/**
 * Everything an engine needs at open. Ranges and units are checked here. Made by a {@link Builder},
 * whose setters have these names.
 *
 * @param model Hugging Face folder
 * @param configOverrides a JSON object whose fields stand in the place of those of {@code
 *     config.json}
 * @param device {@code cpu}, {@code cuda} or {@code cuda:N} (the GPU of ordinal N)
 * @param dtype arithmetic of {@code linear} and element type of the KV cache; on a GPU also of
 *     activations. Automatic is bfloat16 on a GPU, and on a CPU that multiplies bfloat16 if the
 *     checkpoint is in bfloat16 or float16; else float32
 * @param weightDType how a CPU keeps the weights of {@code linear}
 * @param maxModelLen tokens of document, question and answer together; 0 takes the model's
 * @param pageSize tokens per KV page
 * @param digestBlockSize tokens that share one page digest, a divisor of {@code pageSize}; 0 for
 *     automatic ({@link PageShape#of})
 * @param maxNumSeqs sequences in flight
 * @param maxNumBatchedTokens rows per step
 * @param kvCacheBytes memory for KV pages and digests; 0 takes {@code memoryUtilization} of what is
 *     free at open
 * @param memoryUtilization share of free memory that an automatic KV cache takes
 * @param pageScores scores whose digests to keep: those that the run uses; empty for a dense run
 * @param scratch what the selectors of the run need beside
 * @param cachePolicies those that documents will have, beside none
 * @param readerModel folder of a second model that reads documents for cache policies that say so
 * @param readingDocuments documents that are read at a time before their tokens are chosen, each
 *     with room for the longest prompt
 * @param digestDType how page digests are kept
 * @param threads CPU worker threads
 * @param batchInvariant outputs do not depend on the batch (see {@code TensorOps})
 * @param overcommit admit on the prompt alone and preempt when pages run out, instead of reserving
 *     prompt + max_tokens
 */
public record EngineConfig(
    Path model,
    String configOverrides,
    DeviceName device,
    ComputeDType dtype,
    WeightDType weightDType,
    int maxModelLen,
    int pageSize,
    int digestBlockSize,
    int maxNumSeqs,
    int maxNumBatchedTokens,
    long kvCacheBytes,
    double memoryUtilization,
    Set<PageScore> pageScores,
    Set<SelectionScratch> scratch,
    Set<CachePolicy> cachePolicies,
    Optional<Path> readerModel,
    int readingDocuments,
    DigestDType digestDType,
    int threads,
    boolean batchInvariant,
    boolean overcommit) {

  public EngineConfig {
    pageScores = Collections.unmodifiableSet(PageScores.sorted(pageScores));
    scratch = Set.copyOf(scratch);
    cachePolicies = Set.copyOf(cachePolicies);
    require(readingDocuments >= 1, "reading_documents", readingDocuments, "at least 1");
    require(
        maxModelLen >= 0, "max_model_len", maxModelLen, "a number of tokens, or 0 for the model's");
    require(pageSize >= 1 && pageSize <= 1024, "page_size", pageSize, "1 to 1024 tokens");
    require(
        digestBlockSize >= 0,
        "digest_block_size",
        digestBlockSize,
        "a number of tokens, or 0 for automatic");
    PageShape.of(pageSize, digestBlockSize, false);
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
    for (CachePolicy policy : cachePolicies) {
      policy.requireRuns(maxNumSeqs, maxNumBatchedTokens);
      boolean skips = policy.prefill().map(part -> part.skipping().any()).orElse(false);
      require(
          !skips || pageSize % TileSkipping.KEYS == 0 || TileSkipping.KEYS % pageSize == 0,
          "page_size",
          pageSize,
          "a divisor or a multiple of the "
              + TileSkipping.KEYS
              + " keys of the tiles that cache_policy "
              + policy.text()
              + " leaves out");
    }
  }

  /** The defaults for a model folder, on all processors of this machine. */
  public static EngineConfig of(Path model) {
    return builder(model).build();
  }

  /** Starts from the defaults, which are those of {@link #of}. */
  public static Builder builder(Path model) {
    return new Builder(model);
  }

  /** Starts from this. */
  public Builder toBuilder() {
    return new Builder(model)
        .configOverrides(configOverrides)
        .device(device)
        .dtype(dtype)
        .weightDType(weightDType)
        .maxModelLen(maxModelLen)
        .pageSize(pageSize)
        .digestBlockSize(digestBlockSize)
        .maxNumSeqs(maxNumSeqs)
        .maxNumBatchedTokens(maxNumBatchedTokens)
        .kvCacheBytes(kvCacheBytes)
        .memoryUtilization(memoryUtilization)
        .pageScores(pageScores)
        .scratch(scratch)
        .cachePolicies(cachePolicies)
        .readerModel(readerModel)
        .readingDocuments(readingDocuments)
        .digestDType(digestDType)
        .threads(threads)
        .batchInvariant(batchInvariant)
        .overcommit(overcommit);
  }

  /**
   * Requires that the engine keeps what a question's policy reads.
   *
   * @throws ConfigException naming what it lacks
   */
  void requirePlanned(ReadPolicy policy) {
    if (!pageScores.containsAll(policy.digests())) {
      throw new ConfigException(
          "policy "
              + policy.text()
              + " reads page digests of "
              + policy.digests()
              + ", but the engine was opened with "
              + pageScores);
    }
    if (!scratch.containsAll(policy.scratch())) {
      throw new ConfigException(
          "policy "
              + policy.text()
              + " needs memory for "
              + policy.scratch()
              + ", but the engine was opened with "
              + scratch);
    }
  }

  private static void require(boolean holds, String key, Number value, String allowed) {
    if (!holds) {
      throw new ConfigException(key + " is " + value + "; it must be " + allowed);
    }
  }

  /** A configuration under construction: the defaults, but for what was set. */
  public static final class Builder {
    private final Path model;
    private String configOverrides = "{}";
    private DeviceName device = DeviceName.CPU;
    private ComputeDType dtype = ComputeDType.AUTO;
    private WeightDType weightDType = WeightDType.AUTO;
    private int maxModelLen;
    private int pageSize = 16;
    private int digestBlockSize;
    private int maxNumSeqs = 8;
    private int maxNumBatchedTokens = 2048;
    private long kvCacheBytes;
    private double memoryUtilization = 0.5;
    private Set<PageScore> pageScores = Set.of(PageScores.find(PageScores.DEFAULT).orElseThrow());
    private Set<SelectionScratch> scratch = Set.of();
    private Set<CachePolicy> cachePolicies = Set.of();
    private Optional<Path> readerModel = Optional.empty();
    private int readingDocuments = 1;
    private DigestDType digestDType = DigestDType.AUTO;
    private int threads = Runtime.getRuntime().availableProcessors();
    private boolean batchInvariant = true;
    private boolean overcommit;

    private Builder(Path model) {
      this.model = model;
    }

    public Builder configOverrides(String configOverrides) {
      this.configOverrides = configOverrides;
      return this;
    }

    public Builder device(DeviceName device) {
      this.device = device;
      return this;
    }

    public Builder dtype(ComputeDType dtype) {
      this.dtype = dtype;
      return this;
    }

    public Builder weightDType(WeightDType weightDType) {
      this.weightDType = weightDType;
      return this;
    }

    public Builder maxModelLen(int maxModelLen) {
      this.maxModelLen = maxModelLen;
      return this;
    }

    public Builder pageSize(int pageSize) {
      this.pageSize = pageSize;
      return this;
    }

    public Builder digestBlockSize(int digestBlockSize) {
      this.digestBlockSize = digestBlockSize;
      return this;
    }

    public Builder maxNumSeqs(int maxNumSeqs) {
      this.maxNumSeqs = maxNumSeqs;
      return this;
    }

    public Builder maxNumBatchedTokens(int maxNumBatchedTokens) {
      this.maxNumBatchedTokens = maxNumBatchedTokens;
      return this;
    }

    public Builder kvCacheBytes(long kvCacheBytes) {
      this.kvCacheBytes = kvCacheBytes;
      return this;
    }

    public Builder memoryUtilization(double memoryUtilization) {
      this.memoryUtilization = memoryUtilization;
      return this;
    }

    public Builder pageScores(Set<PageScore> pageScores) {
      this.pageScores = pageScores;
      return this;
    }

    public Builder scratch(Set<SelectionScratch> scratch) {
      this.scratch = scratch;
      return this;
    }

    public Builder cachePolicies(Set<CachePolicy> cachePolicies) {
      this.cachePolicies = cachePolicies;
      return this;
    }

    public Builder readerModel(Optional<Path> readerModel) {
      this.readerModel = readerModel;
      return this;
    }

    public Builder readingDocuments(int readingDocuments) {
      this.readingDocuments = readingDocuments;
      return this;
    }

    public Builder digestDType(DigestDType digestDType) {
      this.digestDType = digestDType;
      return this;
    }

    public Builder threads(int threads) {
      this.threads = threads;
      return this;
    }

    public Builder batchInvariant(boolean batchInvariant) {
      this.batchInvariant = batchInvariant;
      return this;
    }

    public Builder overcommit(boolean overcommit) {
      this.overcommit = overcommit;
      return this;
    }

    /**
     * The configuration.
     *
     * @throws ConfigException if a value is out of its range
     */
    public EngineConfig build() {
      return new EngineConfig(
          model,
          configOverrides,
          device,
          dtype,
          weightDType,
          maxModelLen,
          pageSize,
          digestBlockSize,
          maxNumSeqs,
          maxNumBatchedTokens,
          kvCacheBytes,
          memoryUtilization,
          pageScores,
          scratch,
          cachePolicies,
          readerModel,
          readingDocuments,
          digestDType,
          threads,
          batchInvariant,
          overcommit);
    }
  }
}
