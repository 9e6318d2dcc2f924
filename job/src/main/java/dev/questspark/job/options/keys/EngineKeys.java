package dev.questspark.job.options.keys;

import static dev.questspark.job.options.keys.OptionTypes.bool;
import static dev.questspark.job.options.keys.OptionTypes.bytes;
import static dev.questspark.job.options.keys.OptionTypes.choice;
import static dev.questspark.job.options.keys.OptionTypes.integer;
import static dev.questspark.job.options.keys.OptionTypes.number;
import static dev.questspark.job.options.keys.OptionTypes.text;
import static dev.questspark.job.options.keys.Scope.Decides.ANSWERS;
import static dev.questspark.job.options.keys.Scope.Decides.MEASUREMENTS;
import static dev.questspark.job.options.keys.Scope.Decides.NOTHING;
import static dev.questspark.job.options.keys.Scope.ENGINE;
import static dev.questspark.job.options.keys.Scope.Query.IN_QUERY;
import static dev.questspark.job.options.keys.Scope.Query.JOB_ONLY;
import static dev.questspark.job.options.keys.Scope.RUN_ONLY;

import dev.questspark.engine.model.family.ConfigOverrides;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.engine.ops.backend.WeightDType;
import dev.questspark.job.model.ModelLocation;
import dev.questspark.job.options.EngineOptions;

/**
 * The models and how an engine runs them; {@link EngineOptions} has the values. The models
 * themselves are in the parameters' hash by their fingerprints.
 */
public final class EngineKeys {
  static final OptionSection SECTION = new OptionSection("Model and engine");

  private static final int MOST_THREADS = 1024;

  private EngineKeys() {}

  public static final OptionKey<String> MODEL =
      text("model", "a Hugging Face model folder, a GGUF file or org/name")
          .alias("model_path", "model_source", "model_name")
          .scope(ENGINE, NOTHING, IN_QUERY)
          .requiredBy(ENGINE)
          .description(
              SECTION,
              "Hugging Face folder (config.json, safetensors, tokenizer.json) or GGUF file: a path that every node has, a URI such as hdfs:// or s3a://, a name inside --archives, or org/name[@revision] of Hugging Face's hub, which every node takes from its cache or downloads into it.");
  public static final OptionKey<String> MODEL_CACHE =
      text("model_cache", "a folder of every node")
          .defaultValue(ModelLocation.DEFAULT_CACHE)
          .scope(ENGINE, NOTHING, IN_QUERY)
          .description(
              SECTION,
              "Folder where a node keeps its copy of a model given as a URI, for all its executors and later runs. Only damaged copies are deleted.");
  public static final OptionKey<String> READER_MODEL =
      text("reader_model", "a Hugging Face model folder, a GGUF file or org/name")
          .scope(ENGINE, NOTHING, IN_QUERY)
          .description(
              SECTION,
              "A second, smaller model that reads documents for cache_policy 'selective(reader=model)', found like --model. Its tokenizer must be the model's.");
  public static final OptionKey<Integer> READING_DOCUMENTS =
      integer("reading_documents", 1, "at least 1")
          .unit("documents")
          .defaultValue("1")
          .scope(ENGINE, NOTHING, IN_QUERY)
          .description(
              SECTION,
              "Documents that are read at a time where cache_policy chooses tokens by reading. Each takes memory for the longest prompt in the layers that read, out of the KV cache's.");
  public static final OptionKey<String> HF_OVERRIDES =
      text("hf_overrides", "a JSON object")
          .scope(ENGINE, ANSWERS, IN_QUERY)
          .description(
              SECTION,
              "JSON object whose fields take the place of those of the model's config.json.");
  public static final OptionKey<String> ROPE_SCALING =
      text("rope_scaling", "a JSON object")
          .scope(ENGINE, ANSWERS, IN_QUERY)
          .description(
              SECTION,
              "JSON object that takes the place of rope_scaling in config.json, so that a model reads longer documents than it says: {\"rope_type\": \"yarn\", \"factor\": 4.0, \"original_max_position_embeddings\": 32768} for Qwen3 and Qwen2.5. dynamic and longrope depend on the length: it is taken as max_model_len, not as that of each document.");
  public static final OptionKey<String> GENERATION_CONFIG =
      text("generation_config", "auto, none or a path")
          .defaultValue("auto")
          .scope(ENGINE, ANSWERS, IN_QUERY)
          .description(
              SECTION,
              "Source of sampling defaults and end-of-sequence ids. auto reads the model folder's generation_config.json as generate of transformers does; none reads nothing; a path reads that file.");
  public static final OptionKey<DeviceName> BACKEND =
      OptionTypes.device("backend")
          .defaultValue("cpu")
          .scope(ENGINE, ANSWERS, IN_QUERY)
          .description(
              SECTION,
              "Device. cuda takes the GPU that Spark assigned to the task, or the first one; cuda:N takes the GPU of ordinal N. There is no fallback to another device.");
  public static final OptionKey<ComputeDType> DTYPE =
      choice("dtype", ComputeDType.class)
          .defaultValue("auto")
          .scope(ENGINE, ANSWERS, IN_QUERY)
          .description(
              SECTION,
              "Arithmetic of matrix products and type of the KV cache. auto is bfloat16 on a GPU. On a CPU it is bfloat16 if the CPU multiplies it (AVX512_BF16, AMX) and the checkpoint is bfloat16 or float16; otherwise float32.");
  public static final OptionKey<WeightDType> WEIGHT_DTYPE =
      choice("weight_dtype", WeightDType.class)
          .defaultValue("auto")
          .scope(ENGINE, ANSWERS, IN_QUERY)
          .description(
              SECTION,
              "Type of the weights of matrix products on a CPU. auto follows dtype, but keeps the checkpoint's bfloat16 under float32 arithmetic. int8 keeps 8-bit weights with one scale per output channel, in half the memory of bfloat16; it needs AVX_VNNI, AVX512_VNNI or AMX.");
  public static final OptionKey<Integer> MAX_MODEL_LEN =
      integer("max_model_len", 0, "a number of tokens, or 0 for the model's own")
          .alias("context_length", "n_ctx")
          .unit("tokens")
          .defaultValue("0")
          .scope(ENGINE, ANSWERS, IN_QUERY)
          .description(
              SECTION,
              "Most tokens of document, question and answer together; 0 takes the model's limit. A model with dynamic RoPE scaling rotates by this length, and not by each text's.");
  public static final OptionKey<Integer> PAGE_SIZE =
      integer("page_size", 1, "at least 1")
          .alias("block_size")
          .unit("tokens")
          .defaultValue("16")
          .scope(ENGINE, ANSWERS, IN_QUERY)
          .description(SECTION, "Tokens per KV page.");
  public static final OptionKey<Integer> MAX_NUM_SEQS =
      integer("max_num_seqs", 1, "at least 1")
          .alias("max_running_requests", "n_parallel")
          .unit("sequences")
          .defaultValue("8")
          .scope(ENGINE, MEASUREMENTS, IN_QUERY)
          .description(SECTION, "Most sequences that an engine runs at the same time.");
  public static final OptionKey<Integer> MAX_NUM_BATCHED_TOKENS =
      integer("max_num_batched_tokens", 1, "at least 1")
          .alias("chunked_prefill_size")
          .unit("tokens")
          .defaultValue("2048")
          .scope(ENGINE, NOTHING, IN_QUERY)
          .description(
              SECTION,
              "Most tokens in one engine step. Long documents are prefilled in chunks of this size.");
  public static final OptionKey<Long> KV_CACHE_MEMORY_BYTES =
      bytes("kv_cache_memory_bytes")
          .alias("kv_cache_memory")
          .unit("bytes")
          .defaultValue("0")
          .scope(ENGINE, NOTHING, IN_QUERY)
          .description(
              SECTION,
              "Memory for KV pages and digests; 0 takes gpu_memory_utilization of the free memory.");
  public static final OptionKey<Double> GPU_MEMORY_UTILIZATION =
      number("gpu_memory_utilization", "above 0 and at most 1", share -> share > 0 && share <= 1)
          .alias("mem_fraction_static")
          .defaultValue("0.5")
          .scope(ENGINE, NOTHING, IN_QUERY)
          .description(
              SECTION,
              "Share of the device's free memory that an automatic KV cache takes, on a CPU too.");
  public static final OptionKey<Integer> THREADS =
      integer("threads", 0, MOST_THREADS, "1 to 1024, or 0 for the executor's cores")
          .defaultValue("0")
          .scope(ENGINE, NOTHING, IN_QUERY)
          .description(SECTION, "CPU worker threads of an engine; 0 takes the executor's cores.");
  public static final OptionKey<Boolean> BATCH_INVARIANT =
      bool("batch_invariant")
          .defaultValue("true")
          .scope(ENGINE, ANSWERS, IN_QUERY)
          .description(
              SECTION, "An answer is the same to the last bit, whatever else is in the batch.");
  public static final OptionKey<Boolean> OVERCOMMIT =
      bool("overcommit")
          .defaultValue("false")
          .scope(ENGINE, NOTHING, IN_QUERY)
          .description(
              SECTION,
              "Reserve KV pages for the prompt alone, and preempt sequences when pages run out.");
  public static final OptionKey<Integer> MAX_IN_FLIGHT =
      integer("max_in_flight", 0, "at least 1, or 0 for automatic")
          .unit("documents")
          .defaultValue("0")
          .scope(RUN_ONLY, NOTHING, IN_QUERY)
          .description(SECTION, "Documents that a task submits ahead; 0 takes max_num_seqs + 1.");
  public static final OptionKey<Integer> PARTITIONS =
      integer("partitions", 0, "at least 1, or 0 for automatic")
          .defaultValue("0")
          .scope(ENGINE, NOTHING, JOB_ONLY)
          .description(
              SECTION,
              "Partitions, balanced by estimated tokens; 0 takes two per core, at most one per document.");

  /** Types the options. */
  public static EngineOptions bind(JobOptions options) {
    int maxNumSeqs = options.get(MAX_NUM_SEQS);
    int maxInFlight = options.get(MAX_IN_FLIGHT);
    return new EngineOptions(
        new EngineOptions.Model(
            location(options),
            ConfigOverrides.joined(options.get(HF_OVERRIDES), options.get(ROPE_SCALING)),
            options.get(GENERATION_CONFIG),
            readerLocation(options)),
        options.get(BACKEND).toString(),
        new EngineOptions.Types(
            options.get(DTYPE), options.get(WEIGHT_DTYPE), options.get(SelectionKeys.DIGEST_DTYPE)),
        new EngineOptions.Batching(
            options.get(MAX_MODEL_LEN),
            options.get(PAGE_SIZE),
            options.get(SelectionKeys.DIGEST_BLOCK_SIZE),
            maxNumSeqs,
            options.get(MAX_NUM_BATCHED_TOKENS),
            options.get(READING_DOCUMENTS),
            options.get(BATCH_INVARIANT),
            options.get(OVERCOMMIT)),
        new EngineOptions.Memory(
            options.get(KV_CACHE_MEMORY_BYTES), options.get(GPU_MEMORY_UTILIZATION)),
        options.get(THREADS),
        maxInFlight > 0 ? maxInFlight : maxNumSeqs + 1,
        options.get(PARTITIONS));
  }

  /** Where the second model is that reads; null when there is none. */
  public static ModelLocation readerLocation(JobOptions options) {
    String model = options.get(READER_MODEL);
    return model == null ? null : new ModelLocation(model, options.get(MODEL_CACHE));
  }

  /** Where the model is; null when nobody named one. */
  public static ModelLocation location(JobOptions options) {
    String model = options.get(EngineKeys.MODEL);
    return model == null ? null : new ModelLocation(model, options.get(EngineKeys.MODEL_CACHE));
  }
}
