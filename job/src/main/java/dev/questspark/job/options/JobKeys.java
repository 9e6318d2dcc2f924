package dev.questspark.job.options;

import static dev.questspark.job.options.OptionTypes.bytes;
import static dev.questspark.job.options.OptionTypes.choice;
import static dev.questspark.job.options.OptionTypes.claim;
import static dev.questspark.job.options.OptionTypes.integer;
import static dev.questspark.job.options.OptionTypes.integers;
import static dev.questspark.job.options.OptionTypes.longInteger;
import static dev.questspark.job.options.OptionTypes.number;
import static dev.questspark.job.options.OptionTypes.text;
import static dev.questspark.job.options.OptionTypes.texts;

import dev.questspark.engine.ops.GroupReduction;
import dev.questspark.engine.ops.PageScore;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.engine.ops.backend.DigestDType;
import dev.questspark.engine.ops.backend.WeightDType;
import dev.questspark.job.model.ModelLocation;
import dev.questspark.job.options.Choices.Command;
import dev.questspark.job.options.Choices.InputFormat;
import dev.questspark.job.options.Choices.Mode;
import dev.questspark.job.options.Choices.OnTooLong;
import dev.questspark.job.options.Choices.QuestionAttention;
import dev.questspark.job.options.Choices.Task;
import java.util.List;
import java.util.Locale;

/**
 * Every option, once. To add one: declare it here and use it. Those of {@link StageKeys} have a
 * file of their own.
 */
public final class JobKeys {
  private static final OptionSection CORPUS = new OptionSection("Corpus and prompt", false);
  private static final OptionSection SINK = new OptionSection("Output", false);
  private static final OptionSection ENGINE = new OptionSection("Model and engine", false);
  private static final OptionSection SELECTION = new OptionSection("Page selection", true);
  private static final OptionSection SAMPLING = new OptionSection("Sampling", true);
  private static final OptionSection LONG =
      new OptionSection("Documents longer than the context", true);
  private static final OptionSection EVAL =
      new OptionSection("Sweep, evaluation and report", false);
  private static final OptionSection RUN = new OptionSection("Run", false);

  /** In the order in which {@code conf/README.md} and {@code --help} show them. */
  static final List<OptionSection> SECTIONS =
      List.of(CORPUS, SINK, ENGINE, SELECTION, SAMPLING, LONG, EVAL, StageKeys.STAGES, RUN);

  private JobKeys() {}

  // corpus

  public static final OptionKey<String> INPUT =
      text("input", "a path that Spark can read")
          .says(
              CORPUS,
              "Documents: a folder of text files, JSON lines, Parquet, CSV, or a folder of HTML, PDF, DOCX and EPUB.");
  public static final OptionKey<InputFormat> INPUT_FORMAT =
      choice("input_format", InputFormat.class)
          .byDefault("auto")
          .says(
              CORPUS,
              "How to read the input; auto goes by the file name, and a plain folder is text (UTF-8). binaryfile takes text in any encoding, HTML, PDF, DOCX and EPUB, file by file.");
  public static final OptionKey<Integer> MAX_TEXT_CHARACTERS =
      integer("max_text_characters", 1, "at least 1")
          .unit("characters")
          .byDefault("10000000")
          .says(CORPUS, "A file with more text becomes an error row; for binaryfile.");
  public static final OptionKey<Integer> PARSE_TIMEOUT_S =
      integer("parse_timeout_s", 1, "at least 1")
          .unit("seconds")
          .byDefault("60")
          .says(CORPUS, "A file that takes longer to read becomes an error row; for binaryfile.");
  public static final OptionKey<String> ID_COL =
      text("id_col", "a column name")
          .alias("id_column")
          .byDefault("id")
          .says(
              CORPUS,
              "Column of the document's id; a text folder uses the path relative to the input.");
  public static final OptionKey<String> TEXT_COL =
      text("text_col", "a column name")
          .alias("text_column")
          .byDefault("text")
          .says(CORPUS, "Column of the document's text.");
  public static final OptionKey<String> QUESTION_COL =
      text("question_col", "a column name")
          .alias("question_column")
          .byDefault("question")
          .says(CORPUS, "Column of the question, or of an array of questions.");
  public static final OptionKey<String> ANSWER_COL =
      text("answer_col", "a column name")
          .alias("answer_column")
          .says(
              CORPUS,
              "Column of reference answers, shaped as the questions; accuracy is then reported.");
  public static final OptionKey<List<String>> QUESTION =
      texts("question")
          .says(
              CORPUS, "Question asked of every document; may be repeated; replaces question_col.");
  public static final OptionKey<Task> TASK =
      choice("task", Task.class)
          .byDefault("qa")
          .says(CORPUS, "Answer questions, or summarize each document (no question needed).");
  public static final OptionKey<String> PROMPT_TEMPLATE =
      text("prompt_template", "a file with {{document}} in it")
          .says(
              CORPUS,
              "Template file with {{document}} and {{question}}; without it the task's own.");
  public static final OptionKey<String> COMBINE_TEMPLATE =
      text("combine_template", "a file with {{document}} in it")
          .says(
              CORPUS,
              "Template of map_reduce over partial answers; else prompt_template, or the task's own.");
  public static final OptionKey<String> SYSTEM_PROMPT =
      text("system_prompt", "text").says(CORPUS, "System turn of the chat template.");
  public static final OptionKey<Boolean> APPLY_CHAT_TEMPLATE =
      claim("apply_chat_template")
          .byDefault("false")
          .says(CORPUS, "Wrap the prompt with the chat template of the model folder.");

  // output

  public static final OptionKey<String> OUTPUT =
      text("output", "a folder")
          .says(SINK, "Folder that receives answers/, stats/, steps/ and run.json.");
  public static final OptionKey<Mode> MODE =
      choice("mode", Mode.class)
          .byDefault("errorifexists")
          .says(
              SINK, "What to do when the output folder already has answers (Spark's save modes).");
  public static final OptionKey<Boolean> RESUME =
      claim("resume")
          .byDefault("false")
          .says(
              SINK,
              "Go on where earlier runs with the same options stopped: rows that the output has are not computed again.");
  public static final OptionKey<Boolean> RETRY_ERRORS =
      claim("retry_errors")
          .byDefault("false")
          .says(
              SINK,
              "With resume, compute error rows again and replace them; otherwise they count as finished.");
  public static final OptionKey<Integer> ANSWER_BATCH_ROWS =
      integer("answer_batch_rows", 1, "at least 1")
          .unit("rows")
          .byDefault("64")
          .says(
              SINK,
              "Rows after which a task commits a file of answers/, whole documents always; a lost executor costs its tasks no more than that and what is in flight.");
  public static final OptionKey<Double> MAX_ERROR_RATE =
      number("max_error_rate", "between 0 and 1", rate -> rate >= 0 && rate <= 1)
          .byDefault("0.5")
          .says(
              SINK, "The job ends with a failure code when a larger share of rows are error rows.");

  // model and engine

  public static final OptionKey<String> MODEL =
      text("model", "a Hugging Face model folder")
          .alias("model_path", "model_source", "model_name")
          .says(
              ENGINE,
              "Hugging Face folder (config.json, safetensors, tokenizer.json): a path that every node has, a URI such as hdfs:// or s3a://, or a name inside --archives.");
  public static final OptionKey<String> MODEL_CACHE =
      text("model_cache", "a folder of every node")
          .byDefault(ModelLocation.DEFAULT_CACHE)
          .says(
              ENGINE,
              "Where a node keeps its copy of a model that --model names by URI, for all its executors and later runs; nothing is ever deleted there but damaged copies.");
  public static final OptionKey<String> GENERATION_CONFIG =
      text("generation_config", "auto, none or a path")
          .byDefault("auto")
          .says(
              ENGINE,
              "auto takes sampling defaults from the model folder's generation_config.json; none, or another file's path.");
  public static final OptionKey<DeviceName> BACKEND =
      OptionTypes.device("backend")
          .byDefault("cpu")
          .says(
              ENGINE,
              "Device kind, never a fallback: cuda takes the GPU that Spark assigned to the task, else the first one; cuda:N names one.");
  public static final OptionKey<ComputeDType> DTYPE =
      choice("dtype", ComputeDType.class)
          .byDefault("auto")
          .says(
              ENGINE,
              "Arithmetic of matrix products and type of the KV cache; auto is bfloat16 on a GPU, and on a CPU that multiplies it (AVX512_BF16, AMX) for a checkpoint in bfloat16 or float16; else float32.");
  public static final OptionKey<WeightDType> WEIGHT_DTYPE =
      choice("weight_dtype", WeightDType.class)
          .byDefault("auto")
          .says(
              ENGINE,
              "How a CPU keeps the weights of matrix products: auto is as dtype, except that a checkpoint's bfloat16 stays so under float32 arithmetic, which widens it exactly; int8 is 8 bits with a scale per output channel, so that no weight moves by more than 1/254 of its channel's largest, in half the memory of bfloat16, multiplied as integers by rows in 16 bits of fixed point (the row's largest magnitude is 32,639 steps); it takes AVX_VNNI, AVX512_VNNI or AMX.");
  public static final OptionKey<Integer> MAX_MODEL_LEN =
      integer("max_model_len", 0, "a number of tokens, or 0 for the model's own")
          .alias("context_length", "n_ctx")
          .unit("tokens")
          .byDefault("0")
          .says(
              ENGINE,
              "Most tokens of document, question and answer together; 0 takes the model's.");
  public static final OptionKey<Integer> PAGE_SIZE =
      integer("page_size", 1, "at least 1")
          .alias("block_size")
          .unit("tokens")
          .byDefault("16")
          .says(ENGINE, "Tokens per KV page.");
  public static final OptionKey<Integer> MAX_NUM_SEQS =
      integer("max_num_seqs", 1, "at least 1")
          .alias("max_running_requests", "n_parallel")
          .unit("sequences")
          .byDefault("8")
          .says(ENGINE, "Sequences in flight in one engine.");
  public static final OptionKey<Integer> MAX_NUM_BATCHED_TOKENS =
      integer("max_num_batched_tokens", 1, "at least 1")
          .alias("chunked_prefill_size")
          .unit("tokens")
          .byDefault("2048")
          .says(
              ENGINE,
              "Most tokens in one engine step; long documents prefill in chunks of this size.");
  public static final OptionKey<Long> KV_CACHE_MEMORY_BYTES =
      bytes("kv_cache_memory_bytes")
          .alias("kv_cache_memory")
          .unit("bytes")
          .byDefault("0")
          .says(
              ENGINE,
              "Memory for KV pages and digests; 0 takes gpu_memory_utilization of what is free.");
  public static final OptionKey<Double> GPU_MEMORY_UTILIZATION =
      number("gpu_memory_utilization", "above 0 and at most 1", share -> share > 0 && share <= 1)
          .alias("mem_fraction_static")
          .byDefault("0.5")
          .says(
              ENGINE,
              "Share of the device's free memory that an automatic KV cache takes (CPU too).");
  public static final OptionKey<Integer> THREADS =
      integer("threads", 0, 1024, "1 to 1024, or 0 for the executor's cores")
          .byDefault("0")
          .says(ENGINE, "CPU worker threads of an engine; 0 takes the executor's cores.");
  public static final OptionKey<Boolean> BATCH_INVARIANT =
      claim("batch_invariant")
          .byDefault("true")
          .says(
              ENGINE, "An answer does not depend, to the last bit, on what else is in the batch.");
  public static final OptionKey<Boolean> OVERCOMMIT =
      claim("overcommit")
          .byDefault("false")
          .says(ENGINE, "Admit on the prompt alone and preempt when pages run out.");
  public static final OptionKey<Integer> MAX_IN_FLIGHT =
      integer("max_in_flight", 0, "at least 1, or 0 for automatic")
          .unit("documents")
          .byDefault("0")
          .says(ENGINE, "Documents that one task submits ahead; 0 takes max_num_seqs + 1.");
  public static final OptionKey<Integer> PARTITIONS =
      integer("partitions", 0, "at least 1, or 0 for automatic")
          .byDefault("0")
          .says(
              ENGINE,
              "Partitions of equal estimated tokens; 0 takes two per core, at most one per document.");

  // page selection

  public static final OptionKey<List<String>> SELECTORS =
      OptionKey.list(
              "selectors",
              "list of names",
              OptionKey.Shape.COMMA_LIST,
              "names of page selectors, separated by commas",
              JobKeys::selectorName)
          .alias("selector", "sparse_attention")
          .byDefault("quest")
          .says(
              SELECTION,
              "Which pages a decode step reads: all (dense), quest, sink_recent; several are compared on one prefill.");
  public static final OptionKey<List<KvBudget>> KV_BUDGETS =
      OptionKey.list(
              "kv_budgets",
              "list of integers",
              OptionKey.Shape.COMMA_LIST,
              "numbers of tokens, each at least 1, or full, separated by commas",
              KvBudget::parse)
          .alias("kv_budget", "token_budget")
          .unit("tokens")
          .byDefault("2048")
          .says(SELECTION, "Tokens attended per KV head and layer; full means selector all.");
  public static final OptionKey<PageScore> PAGE_SCORE =
      choice("page_score", PageScore.class)
          .byDefault("minmax")
          .says(
              SELECTION,
              "Score of a page from its digest: Quest's bound, or mean + standard deviation.");
  public static final OptionKey<DigestDType> DIGEST_DTYPE =
      choice("digest_dtype", DigestDType.class)
          .byDefault("auto")
          .says(
              SELECTION,
              "How page digests are kept: in the cache's dtype, or in 8 bits rounded outward, so that less is read to score.");
  public static final OptionKey<GroupReduction> GROUP_REDUCTION =
      choice("group_reduction", GroupReduction.class)
          .byDefault("max")
          .says(SELECTION, "How query heads that share a KV head agree on one page list.");
  public static final OptionKey<Integer> KV_SINK_TOKENS =
      integer("kv_sink_tokens", 0, "0 or more")
          .unit("tokens")
          .byDefault("4")
          .says(
              SELECTION,
              "First tokens that are always read, by whole pages, counted in the budget.");
  public static final OptionKey<Integer> KV_RECENT_TOKENS =
      integer("kv_recent_tokens", 0, "0 or more")
          .unit("tokens")
          .byDefault("0")
          .says(
              SELECTION,
              "Last tokens that are always read, counted in the budget; the current page always is.");
  public static final OptionKey<Integer> SPARSE_SKIP_LAYERS =
      integer("sparse_skip_layers", 0, "0 or more")
          .unit("layers")
          .byDefault("2")
          .says(SELECTION, "First layers that stay dense.");
  public static final OptionKey<Integer> SPARSE_MIN_CONTEXT =
      integer("sparse_min_context", 0, "0 or more")
          .alias("seq_len_threshold", "sparse_min_ctx")
          .unit("tokens")
          .byDefault("0")
          .says(SELECTION, "Shorter contexts stay dense.");
  public static final OptionKey<QuestionAttention> QUESTION_ATTENTION =
      choice("question_attention", QuestionAttention.class)
          .byDefault("sparse")
          .says(
              SELECTION, "Whether the question's tokens read through the selector, or everything.");

  // sampling

  public static final OptionKey<Integer> MAX_TOKENS =
      integer("max_tokens", 1, "at least 1")
          .alias("max_new_tokens", "max_completion_tokens", "n_predict")
          .unit("tokens")
          .byDefault("128")
          .says(SAMPLING, "Most tokens to generate per answer.");
  public static final OptionKey<Double> TEMPERATURE =
      number("temperature", "0 (greedy) or more", t -> t >= 0)
          .byDefault("0")
          .says(SAMPLING, "0 takes the best token; more spreads the draw.");
  public static final OptionKey<Double> TOP_P =
      number("top_p", "above 0 and at most 1", p -> p > 0 && p <= 1)
          .byDefault("1")
          .says(SAMPLING, "Nucleus mass.");
  public static final OptionKey<Integer> TOP_K =
      integer("top_k", 0, "0 (off) or more")
          .byDefault("0")
          .says(SAMPLING, "Best tokens kept; 0 keeps all.");
  public static final OptionKey<Double> MIN_P =
      number("min_p", "at least 0 and below 1", p -> p >= 0 && p < 1)
          .byDefault("0")
          .says(SAMPLING, "Drops tokens below this share of the best one's probability.");
  public static final OptionKey<Double> REPETITION_PENALTY =
      number("repetition_penalty", "above 0", r -> r > 0)
          .byDefault("1")
          .says(SAMPLING, "Makes tokens of the prompt and the answer less likely; 1 is off.");
  public static final OptionKey<Long> SEED =
      longInteger("seed", "a whole number")
          .byDefault("0")
          .says(SAMPLING, "A row draws with hash(seed, document id, question number).");
  public static final OptionKey<List<String>> STOP =
      texts("stop").says(SAMPLING, "Text that ends an answer and is cut from it; may be repeated.");
  public static final OptionKey<List<Integer>> STOP_TOKEN_IDS =
      integers("stop_token_ids", "token ids, separated by commas")
          .says(SAMPLING, "Token ids that end an answer, besides the model's own end of sequence.");
  public static final OptionKey<Boolean> IGNORE_EOS =
      claim("ignore_eos").byDefault("false").says(SAMPLING, "Generate max_tokens whatever comes.");

  // long documents

  public static final OptionKey<OnTooLong> ON_TOO_LONG =
      choice("on_too_long", OnTooLong.class)
          .byDefault("error")
          .says(
              LONG,
              "A document over max_model_len: error row, cut its middle, or map-reduce over its sections (not for sweep and eval). Where it is not given, suite longbench cuts the middle, as the benchmark does.");
  public static final OptionKey<Integer> CHUNK_TOKENS =
      integer("chunk_tokens", 0, "at least 1, or 0 for the most that fits")
          .unit("tokens")
          .byDefault("0")
          .says(
              LONG,
              "Most tokens of a map_reduce chunk, which holds whole sections where they fit; 0 takes what the window has room for.");
  public static final OptionKey<Integer> CHUNK_OVERLAP_TOKENS =
      integer("chunk_overlap_tokens", 0, "0 or more")
          .unit("tokens")
          .byDefault("0")
          .says(
              LONG,
              "Most tokens that neighbouring chunks share where a section is too long for one; fewer than a chunk has.");

  // sweep, evaluation and report

  public static final OptionKey<String> SUITE =
      text("suite", "a suite's name")
          .byDefault("corpus")
          .says(
              EVAL,
              "What eval asks: corpus (the input's own questions), passkey, passkey_facts, needle, multikey, multikey_facts, variable_tracking, longbench, kvpress, perplexity.");
  public static final OptionKey<List<Integer>> LENGTHS =
      integers(
              "lengths",
              "numbers of tokens, at least 2, separated by commas",
              tokens -> tokens >= 2)
          .unit("tokens")
          .byDefault("1024", "2048", "4096")
          .says(
              EVAL,
              "Prompt lengths that a generated suite makes, to within a sentence; one that has no room for what is asked and hidden, or no room in max_model_len, is refused.");
  public static final OptionKey<List<Integer>> DEPTHS =
      integers(
              "depths",
              "percents from 0 to 100, separated by commas",
              percent -> percent >= 0 && percent <= 100)
          .unit("%")
          .byDefault("0", "25", "50", "75", "100")
          .says(EVAL, "Where a generated suite hides what it asks for; 0 is the beginning.");
  public static final OptionKey<Integer> SAMPLES =
      integer("samples", 1, "at least 1")
          .byDefault("5")
          .says(EVAL, "Documents of a generated suite per length and depth.");
  public static final OptionKey<Integer> QUESTION_TAIL_CHARACTERS =
      integer("question_tail_characters", 0, "0 or more")
          .unit("characters")
          .byDefault("0")
          .says(
              EVAL,
              "Only so many last characters of the prompt go through the selector, as in Quest's own evaluation; 0 takes the whole question.");
  public static final OptionKey<List<PageScore>> PAGE_SCORES =
      OptionKey.list(
              "page_scores",
              "list of names",
              OptionKey.Shape.COMMA_LIST,
              "minmax or meanstd, separated by commas",
              name -> PageScore.valueOf(name.toUpperCase(Locale.ROOT)))
          .says(EVAL, "Page scores that sweep and eval compare; without it page_score alone.");
  public static final OptionKey<List<Integer>> SKIP_LAYERS =
      integers("skip_layers", "numbers of layers, 0 or more, separated by commas", n -> n >= 0)
          .unit("layers")
          .says(
              EVAL,
              "Values of sparse_skip_layers that sweep and eval compare; without it that one.");
  public static final OptionKey<Integer> REPETITIONS =
      integer("repetitions", 1, "at least 1")
          .byDefault("3")
          .says(EVAL, "Times that a sweep measures the speed of each policy, interleaved.");
  public static final OptionKey<Integer> SPEED_TOKENS =
      integer("speed_tokens", 2, "at least 2")
          .unit("tokens")
          .byDefault("64")
          .says(EVAL, "Tokens that each row of a speed measurement generates, end or no end.");
  public static final OptionKey<Integer> SELECTION_STUDY =
      integer("selection_study", 0, "0 or more")
          .unit("documents")
          .byDefault("4")
          .says(
              EVAL,
              "Documents whose true attention is held against every policy's pages, per layer and head. Reads all keys back to the host: slow on large models; 0 for none.");
  public static final OptionKey<Double> MAX_QUALITY_LOSS =
      number("max_quality_loss", "between 0 and 1", loss -> loss >= 0 && loss <= 1)
          .byDefault("0.01")
          .says(
              EVAL,
              "The report recommends the smallest budget whose score is not lower than dense by more.");

  // run

  public static final OptionKey<Command> COMMAND =
      choice("command", Command.class)
          .byDefault("run")
          .says(
              RUN,
              "Answer the corpus, sweep budgets over it, evaluate a suite, or write the report of either.");
  public static final OptionKey<String> PRESET =
      text("preset", "a .conf file").says(RUN, "File with options, such as conf/demo.conf.");
  public static final OptionKey<Boolean> VERBOSE =
      claim("verbose").byDefault("false").says(RUN, "Show stack traces of failures.");

  /** Whether the option is about the model or the engine. */
  static boolean ofEngine(OptionKey<?> key) {
    return ENGINE.keys().contains(key);
  }

  /** What only a sweep, an evaluation or a report reads. */
  static List<OptionKey<?>> ofMeasurements() {
    return EVAL.keys();
  }

  /** The words other engines use for no sparsity mean {@code all}. */
  private static String selectorName(String text) {
    String name = text.toLowerCase(Locale.ROOT);
    return name.equals("none") || name.equals("dense") ? "all" : name;
  }
}
