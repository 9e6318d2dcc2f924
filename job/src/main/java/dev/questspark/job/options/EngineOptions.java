package dev.questspark.job.options;

import dev.questspark.engine.EngineConfig;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.engine.ops.backend.DigestDType;
import dev.questspark.engine.ops.backend.WeightDType;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.select.SelectionScratch;
import dev.questspark.job.model.ModelLocation;
import java.io.Serializable;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;

/**
 * What {@link dev.questspark.job.options.keys.EngineKeys} say of the model and its engine. A new
 * option of the engine is declared there, bound here, and has a field in {@link EngineConfig}.
 *
 * @param device {@code cpu}, {@code cuda} or {@code cuda:N}: a {@link DeviceName}
 * @param threads 0 takes the executor's cores
 * @param maxInFlight documents that a task submits ahead
 * @param partitions 0 for automatic
 */
public record EngineOptions(
    Model model,
    String device,
    Types types,
    Batching batching,
    Memory memory,
    int threads,
    int maxInFlight,
    int partitions)
    implements Serializable {

  /**
   * Where the model is.
   *
   * @param location null in a report, which needs no model
   * @param configOverrides a JSON object for {@link EngineConfig#configOverrides}
   * @param generationConfig {@code auto}, {@code none} or a path
   * @param reader where a second model is that reads; null where there is none
   */
  public record Model(
      ModelLocation location, String configOverrides, String generationConfig, ModelLocation reader)
      implements Serializable {}

  /**
   * The same of models elsewhere.
   *
   * @param reader null where there is none
   */
  EngineOptions of(ModelLocation location, ModelLocation reader) {
    return new EngineOptions(
        new Model(location, model.configOverrides, model.generationConfig, reader),
        device,
        types,
        batching,
        memory,
        threads,
        maxInFlight,
        partitions);
  }

  /** Types of numbers. */
  public record Types(ComputeDType compute, WeightDType weights, DigestDType digests)
      implements Serializable {}

  /**
   * Sizes of pages and steps.
   *
   * @param maxModelLen tokens; 0 takes the model's
   * @param digestBlockSize tokens that share a digest; 0 for automatic
   * @param readingDocuments that are read at a time
   */
  public record Batching(
      int maxModelLen,
      int pageSize,
      int digestBlockSize,
      int maxNumSeqs,
      int maxNumBatchedTokens,
      int readingDocuments,
      boolean batchInvariant,
      boolean overcommit)
      implements Serializable {}

  /**
   * Memory for KV pages and digests.
   *
   * @param kvCacheBytes 0 takes {@code utilization} of what is free
   */
  public record Memory(long kvCacheBytes, double utilization) implements Serializable {}

  /**
   * What an engine opens with.
   *
   * @param model folder on this machine
   * @param readerModel folder of a second model that reads
   * @param device {@link #device}, or the one of its GPUs that Spark assigned
   * @param scores whose digests the policies read
   * @param scratch what their selectors need beside
   * @param cachePolicies of the documents
   * @param threads at least 1
   */
  public EngineConfig config(
      Path model,
      Optional<Path> readerModel,
      String device,
      Set<PageScore> scores,
      Set<SelectionScratch> scratch,
      Set<CachePolicy> cachePolicies,
      int threads) {
    return EngineConfig.builder(model)
        .configOverrides(this.model.configOverrides)
        .device(DeviceName.parse(device))
        .dtype(types.compute)
        .weightDType(types.weights)
        .maxModelLen(batching.maxModelLen)
        .pageSize(batching.pageSize)
        .maxNumSeqs(batching.maxNumSeqs)
        .maxNumBatchedTokens(batching.maxNumBatchedTokens)
        .kvCacheBytes(memory.kvCacheBytes)
        .memoryUtilization(memory.utilization)
        .digestBlockSize(batching.digestBlockSize)
        .pageScores(scores)
        .scratch(scratch)
        .cachePolicies(cachePolicies)
        .readerModel(readerModel)
        .readingDocuments(batching.readingDocuments)
        .digestDType(types.digests)
        .threads(threads)
        .batchInvariant(batching.batchInvariant)
        .overcommit(batching.overcommit)
        .build();
  }
}
