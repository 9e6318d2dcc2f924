package dev.questspark.engine;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.model.family.ModelConfigReader;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.ops.backend.DigestDType;
import dev.questspark.engine.ops.prefill.BlockListShape;
import dev.questspark.engine.ops.prefill.BlockShape;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.prefix.PrefixMemory;
import dev.questspark.engine.reader.ReadingPlan;
import dev.questspark.engine.select.SelectionScratch;
import java.util.Optional;

/**
 * What an engine is made of and how it divides its memory: known from its configuration and the
 * size of that memory, before any weight is loaded. An engine opens by it.
 */
public final class EnginePlan {
  private final EngineConfig config;
  private final ModelConfig model;
  private final int maxModelLen;
  private final ReadingPlan reading;

  private EnginePlan(EngineConfig config, ModelConfig model, int maxModelLen, ReadingPlan reading) {
    this.config = config;
    this.model = model;
    this.maxModelLen = maxModelLen;
    this.reading = reading;
  }

  /**
   * Reads the configuration of the models.
   *
   * @throws ConfigException if it cannot be read, or does not fit the engine's
   */
  public static EnginePlan of(EngineConfig config) {
    ModelConfig model = ModelConfigReader.read(config.model(), config.configOverrides());
    int maxModelLen = maxModelLen(config, model);
    PrefixMemory.requireModel(config.cachePolicies(), model, maxModelLen);
    return new EnginePlan(
        config,
        model,
        maxModelLen,
        new ReadingPlan(
            model,
            maxModelLen,
            config.cachePolicies(),
            config.readerModel(),
            config.readingDocuments()));
  }

  public ModelConfig model() {
    return model;
  }

  /** Most tokens of document, question and answer together. */
  public int maxModelLen() {
    return maxModelLen;
  }

  /** Who reads documents of which only some tokens are prefilled. */
  public ReadingPlan reading() {
    return reading;
  }

  /**
   * What there is of everything.
   *
   * @param geometry of the live cache
   * @param pageBytes of a live page, with digests and 4-bit keys
   * @param digestPairs page scores whose digests every page has
   * @param pages live ones, beside the null page
   * @param prefixes stores of compressed documents
   * @param readerBytes what reading documents takes
   */
  public record Memory(
      KvGeometry geometry,
      long pageBytes,
      int digestPairs,
      int pages,
      PrefixMemory prefixes,
      long readerBytes) {

    /** Bytes of the live pages, the null page included. */
    public long liveBytes() {
      return Math.multiplyExact(pages + 1L, pageBytes);
    }

    /** Bytes of all. */
    public long bytes() {
      return liveBytes() + prefixes.bytes() + readerBytes;
    }
  }

  /** Element type of keys and values on the device, which need not be here. */
  public DType cacheDType() {
    return config.device().provider().cacheDType(config.dtype(), model.dtype());
  }

  /**
   * Divides the memory.
   *
   * @param cache element type of keys and values
   * @param freeBytes of the device, of which the engine takes its share
   * @throws ConfigException if one sequence of full length does not fit
   */
  public Memory divide(DType cache, long freeBytes) {
    DType digests = digestDType(config, model.headDim(), cache);
    PageShape shape =
        PageShape.of(config.pageSize(), config.digestBlockSize(), digests == DType.I8);
    KvGeometry geometry =
        new KvGeometry(
            model.layers(),
            model.kvHeads(),
            model.headDim(),
            config.pageSize(),
            cache,
            digests,
            shape.digestBlockSize());
    long readerBytes = reading.bytes(geometry);
    PrefixMemory prefixes = prefixes(geometry, freeBytes, readerBytes);
    long pageBytes =
        geometry.pageBytes(config.pageScores().size())
            + (config.scratch().contains(SelectionScratch.INT4_KEYS) ? geometry.int4KeyBytes() : 0);
    int pages = pages(geometry, pageBytes, freeBytes, readerBytes + prefixes.bytes());
    return new Memory(
        geometry, pageBytes, config.pageScores().size(), pages, prefixes, readerBytes);
  }

  /**
   * {@code max_model_len}: as configured, at most what the model and its RoPE scaling were made
   * for.
   */
  private static int maxModelLen(EngineConfig config, ModelConfig model) {
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
  Optional<BlockListShape> blockLists() {
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
  private long cacheBytes(long freeBytes) {
    return config.kvCacheBytes() > 0
        ? config.kvCacheBytes()
        : (long) (freeBytes * config.memoryUtilization());
  }

  /** Sizes of the prefix stores of the documents' policies. */
  private PrefixMemory prefixes(KvGeometry geometry, long freeBytes, long readerBytes) {
    return PrefixMemory.plan(
        config.cachePolicies(),
        geometry,
        new PrefixMemory.Budget(
            cacheBytes(freeBytes) - readerBytes,
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
  private int pages(KvGeometry geometry, long pageBytes, long freeBytes, long taken) {
    long useful = (long) config.maxNumSeqs() * (geometry.pagesFor(maxModelLen) + 1L);
    long budget = cacheBytes(freeBytes);
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
