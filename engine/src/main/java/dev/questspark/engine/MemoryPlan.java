package dev.questspark.engine;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.backend.DigestDType;
import dev.questspark.engine.ops.prefill.BlockListShape;
import dev.questspark.engine.ops.prefill.BlockShape;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.prefix.PrefixMemory;
import dev.questspark.engine.select.SelectionScratch;
import java.util.Optional;

/** How long a sequence may be and how many KV pages there are, decided once at open. */
final class MemoryPlan {
  private MemoryPlan() {}

  /**
   * {@code max_model_len}: as configured, at most what the model and its RoPE scaling were made
   * for.
   */
  static int maxModelLen(EngineConfig config, ModelConfig model) {
    if (config.maxModelLen() > model.contextTokens()) {
      throw new ConfigException(
          "max_model_len is "
              + config.maxModelLen()
              + ", but "
              + config.model()
              + " was made for "
              + model.contextTokens()
              + " positions (max_position_embeddings "
              + model.maxPositionEmbeddings()
              + " and its RoPE scaling); lower max_model_len");
    }
    return config.maxModelLen() == 0 ? model.contextTokens() : config.maxModelLen();
  }

  /**
   * Element type of page digests.
   *
   * @param cache of keys and values
   */
  static DType digestDType(EngineConfig config, int headDim, DType cache) {
    boolean divides = headDim % KvGeometry.SCALE_CHANNELS == 0;
    if (config.digestDType() == DigestDType.CACHE
        || config.digestDType() == DigestDType.AUTO && !divides) {
      return cache;
    }
    if (!divides) {
      throw new ConfigException(
          "digest_dtype int8 scales "
              + KvGeometry.SCALE_CHANNELS
              + " channels together, but "
              + config.model()
              + " has a head_dim of "
              + headDim
              + "; use digest_dtype auto");
    }
    return DType.I8;
  }

  /** Room for the block lists of a step, where documents have any. */
  static Optional<BlockListShape> blockLists(
      EngineConfig config, ModelConfig model, int maxModelLen) {
    int segments = 0;
    int blocks = 0;
    for (CachePolicy policy : config.cachePolicies()) {
      if (policy.prefill().isPresent()) {
        BlockShape shape = policy.prefill().get().shape();
        int most = shape.segmentsOf(config.maxNumBatchedTokens(), config.maxNumSeqs());
        segments = Math.max(segments, most);
        blocks = Math.max(blocks, shape.blocksOf(maxModelLen));
      }
    }
    return segments == 0
        ? Optional.empty()
        : Optional.of(new BlockListShape(segments, model.kvHeads(), blocks));
  }

  /** Bytes for live pages and all that documents' policies take. */
  static long cacheBytes(EngineConfig config, long freeBytes) {
    return config.kvCacheBytes() > 0
        ? config.kvCacheBytes()
        : (long) (freeBytes * config.memoryUtilization());
  }

  /**
   * Sizes of the prefix stores of the documents' policies.
   *
   * @param readerBytes what reading documents takes
   */
  static PrefixMemory prefixes(
      EngineConfig config, KvGeometry geometry, int maxModelLen, long freeBytes, long readerBytes) {
    return PrefixMemory.plan(
        config.cachePolicies(),
        geometry,
        new PrefixMemory.Budget(
            cacheBytes(config, freeBytes) - readerBytes,
            config.kvCacheBytes() == 0,
            maxModelLen,
            config.maxNumSeqs(),
            config.pageScores().size()));
  }

  /**
   * Pages of the cache. Automatic: the given share of free memory, but no more than {@code
   * max_num_seqs} sequences of full length can use. What documents' policies take beside comes out
   * of the same share.
   *
   * @param taken by reading documents and by prefix stores; 0 without either
   */
  static int pages(
      EngineConfig config, KvGeometry geometry, int maxModelLen, long freeBytes, long taken) {
    long pageBytes =
        geometry.pageBytes(config.pageScores().size())
            + (config.scratch().contains(SelectionScratch.INT4_KEYS) ? geometry.int4KeyBytes() : 0);
    long useful = (long) config.maxNumSeqs() * (geometry.pagesFor(maxModelLen) + 1L);
    long budget = cacheBytes(config, freeBytes);
    long fits = (budget - taken) / pageBytes - 1; // the null page takes one
    long pages = config.kvCacheBytes() > 0 ? fits : Math.min(fits, useful);
    if (pages < geometry.pagesFor(maxModelLen)) {
      throw new ConfigException(
          "one sequence of max_model_len "
              + maxModelLen
              + " needs "
              + geometry.pagesFor(maxModelLen)
              + " KV pages ("
              + (geometry.pagesFor(maxModelLen) + 1L) * pageBytes
              + " bytes), but "
              + (config.kvCacheBytes() > 0
                  ? "kv_cache_memory_bytes is " + budget
                  : budget
                      + " of "
                      + freeBytes
                      + " free bytes are for the cache (gpu_memory_utilization "
                      + config.memoryUtilization()
                      + ")")
              + (taken > 0 ? ", of which cache_policy takes " + taken + " for itself" : "")
              + "; lower max_model_len or give more memory");
    }
    return Math.toIntExact(Math.min(pages, Integer.MAX_VALUE - 1L));
  }
}
