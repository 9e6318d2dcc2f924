package dev.questspark.job.output;

import dev.questspark.job.answer.PolicyColumns;
import dev.questspark.job.options.EngineOptions;
import java.sql.Timestamp;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * The columns of {@code stats/}: one row per run and policy. Names as in vLLM's benchmarks. Prefill
 * is shared by all policies of a run, so its columns repeat in its rows.
 */
public final class StatsSchema {
  private static final double NANOS_PER_S = 1e9;
  private static final List<Column> COLUMNS = columns();

  private record Column(
      String name, DataType type, String meaning, Function<PolicyStats, Object> value) {}

  private StatsSchema() {}

  public static StructType schema() {
    StructType schema = new StructType();
    for (Column column : COLUMNS) {
      schema = schema.add(column.name, column.type, true, column.meaning);
    }
    return schema;
  }

  static Row row(PolicyStats stats) {
    return RowFactory.create(COLUMNS.stream().map(column -> column.value.apply(stats)).toArray());
  }

  private static List<Column> columns() {
    List<Column> columns = new ArrayList<>();
    columns.addAll(policy());
    columns.addAll(counts());
    columns.addAll(clocks());
    columns.addAll(cache());
    for (String latency : AnswerTotals.LATENCIES) {
      columns.addAll(distribution(latency));
    }
    columns.addAll(setting());
    return columns;
  }

  private static List<Column> policy() {
    return List.of(
        text("run_id", "the run", s -> s.facts.runId()),
        text(PolicyColumns.POLICY, "what a decode step reads", s -> s.columns().policy()),
        text(PolicyColumns.CACHE_POLICY, "of the documents", s -> s.columns().cachePolicy()),
        integer(
            PolicyColumns.KV_BUDGET,
            "tokens; null without a fixed number",
            s -> s.columns().kvBudget()),
        text("question_attention", "sparse or dense", StatsSchema::questionAttention));
  }

  private static List<Column> counts() {
    return List.of(
        count("documents", "distinct ids", PolicyStats::documents),
        count("questions", "answer rows", PolicyStats::rows),
        count("completed", "rows with an answer", s -> s.answers.total("completed")),
        count("failed", "error rows", PolicyStats::failed),
        number("accuracy", "exact match with the references", PolicyStats::accuracy),
        count("total_input_tokens", "prompts", s -> s.answers.total("prompt_tokens")),
        count("total_output_tokens", "generated", s -> s.answers.total("completion_tokens")),
        count("reasoning_tokens", "of those, thinking", s -> s.answers.total("reasoning_tokens")),
        count(
            "unfinished_reasoning",
            "answers without an end of thinking",
            PolicyStats::unfinishedReasoning),
        count("cached_tokens", "shared prompt tokens", s -> s.answers.total("cached_tokens")),
        count(
            "read_tokens",
            "rows read to choose what is prefilled, once per answer",
            s -> s.answers.total("read_tokens")),
        count(
            "kept_tokens",
            "prompt tokens whose KV was stored",
            s -> s.answers.total("kept_tokens")),
        count("dropped_tokens", "left out by truncation", s -> s.answers.total("dropped_tokens")));
  }

  private static List<Column> clocks() {
    return List.of(
        number("duration_s", "the run's inference", StatsSchema::durationSeconds),
        number(
            "model_load_s",
            "slowest engine",
            s -> s.engines.slowestSeconds(report -> report.setup().loadNanos())),
        number(
            "warmup_s",
            "slowest engine",
            s -> s.engines.slowestSeconds(report -> report.setup().warmupNanos())),
        number(
            "reading_s",
            "engine time of reading documents before their tokens are chosen, all policies",
            s -> s.engines.seconds(report -> report.reading().nanos())),
        count(
            "prefill_tokens",
            "document tokens computed, all policies",
            s -> s.engines.sum(report -> report.work().prefillTokens())),
        number(
            "prefill_s",
            "engine time",
            s -> s.engines.seconds(report -> report.work().prefillNanos())),
        number("prefill_throughput", "tokens/s of prefill_s", PolicyStats::prefillThroughput),
        count(
            "question_tokens",
            "question tokens computed",
            s -> s.engines.sum(s.policy, policy -> policy.question().tokens())),
        number(
            "question_s",
            "engine time",
            s -> s.engines.seconds(s.policy, policy -> policy.question().nanos())),
        count(
            "decode_tokens",
            "decode steps x rows",
            s -> s.engines.sum(s.policy, policy -> policy.decode().tokens())),
        number(
            "decode_s",
            "engine time",
            s -> s.engines.seconds(s.policy, policy -> policy.decode().nanos())),
        number("decode_throughput", "tokens/s of decode_s", PolicyStats::decodeThroughput),
        number(
            "request_throughput",
            "rows/s of duration_s",
            s -> EngineSums.ratio(s.answers.total("completed"), durationSeconds(s))),
        number(
            "output_throughput",
            "generated tokens/s of duration_s",
            s -> EngineSums.ratio(s.answers.total("completion_tokens"), durationSeconds(s))),
        number(
            "total_token_throughput",
            "input and output tokens/s of duration_s",
            s ->
                EngineSums.ratio(
                    s.answers.total("prompt_tokens") + s.answers.total("completion_tokens"),
                    durationSeconds(s))),
        number(
            "engine_busy_share",
            "time in steps, of duration_s x engines",
            s ->
                EngineSums.ratio(
                    s.engines.seconds(report -> report.work().busyNanos()),
                    durationSeconds(s) * s.engines.engines())));
  }

  private static List<Column> cache() {
    return List.of(
        number("kv_pages_total", "mean per row", s -> s.answers.mean("kv_pages_total")),
        number(
            "kv_pages_attended_mean",
            "per decode step, layer and KV head",
            s -> s.answers.mean("kv_pages_attended")),
        number(
            "kv_tokens_attended_mean",
            "per decode step, layer and KV head",
            s -> s.answers.mean("kv_tokens_attended")),
        count(
            "kv_bytes_read",
            "decode steps",
            s -> s.engines.sum(s.policy, policy -> policy.reads().bytesRead())),
        count(
            "kv_bytes_dense",
            "dense attention in the same steps",
            s -> s.engines.sum(s.policy, policy -> policy.reads().bytesDense())),
        number("kv_read_share", "of kv_bytes_dense", PolicyStats::kvReadShare),
        count(
            "sparse_steps",
            "rows x steps",
            s -> s.engines.sum(s.policy, policy -> policy.reads().sparseSteps())),
        count(
            "dense_steps",
            "rows x steps",
            s -> s.engines.sum(s.policy, policy -> policy.reads().denseSteps())),
        count(
            "kv_cache_bytes",
            "all engines",
            s -> s.engines.sum(report -> report.memory().kvCacheBytes())),
        count(
            "weight_bytes",
            "all engines",
            s -> s.engines.sum(report -> report.memory().weightBytes())),
        count("kv_pages", "all engines", s -> s.engines.sum(report -> report.setup().kvPages())),
        count(
            "peak_kv_pages",
            "all engines",
            s -> s.engines.sum(report -> report.work().peakPagesUsed())),
        count(
            "preemptions",
            "all engines",
            s -> s.engines.sum(report -> report.work().preemptions())),
        count("engine_steps", "all engines", s -> s.engines.sum(report -> report.work().steps())));
  }

  private static List<Column> distribution(String latency) {
    String suffix = "_" + (latency.equals("e2e") ? "e2el" : latency) + "_ms";
    List<Column> columns = new ArrayList<>();
    columns.add(number("mean" + suffix, "", s -> s.answers.mean("mean_" + latency)));
    columns.add(number("std" + suffix, "", s -> s.answers.mean("std_" + latency)));
    for (String percentile : AnswerTotals.PERCENTILES) {
      columns.add(number(percentile + suffix, "", s -> s.answers.percentile(latency, percentile)));
    }
    return columns;
  }

  private static List<Column> setting() {
    return List.of(
        integer("engines", "engines that ran and were not lost", s -> s.engines.engines()),
        integer(
            "engines_lost",
            "executors lost in the run; tokens, bytes and times of their engines are not in the sums",
            s -> s.losses.executors()),
        count(
            "rows_kept_of_lost_tasks",
            "rows, of all policies, that lost executors had committed",
            s -> s.losses.rowsKept()),
        text("backend", "as it describes itself", s -> s.engines.backend()),
        text("model", "folder", s -> engine(s).model().location().model()),
        text("model_fingerprint", "hash of config and weights", s -> s.facts.modelFingerprint()),
        text("dtype", "of matrix products and KV cache", s -> s.engines.dtype()),
        text("weight_dtype", "of matrix products", s -> engine(s).types().weights().toString()),
        text("digest_dtype", "of page digests", s -> engine(s).types().digests().toString()),
        integer("page_size", "tokens", s -> engine(s).batching().pageSize()),
        integer(
            "digest_block_size",
            "tokens that share a digest; 0 for automatic",
            s -> engine(s).batching().digestBlockSize()),
        integer("max_num_seqs", "per engine", s -> engine(s).batching().maxNumSeqs()),
        integer(
            "max_num_batched_tokens", "per step", s -> engine(s).batching().maxNumBatchedTokens()),
        new Column(
            "batch_invariant",
            DataTypes.BooleanType,
            "reduction order fixed",
            s -> engine(s).batching().batchInvariant()),
        count("seed", "", s -> s.settings.options().sampling().draw().seed()),
        text("spark_version", "", s -> s.facts.application().sparkVersion()),
        text("java_version", "", s -> System.getProperty("java.version")),
        text("app_version", "", s -> s.facts.application().version()),
        text("params_hash", "", s -> s.settings.paramsHash()),
        new Column(
            "started_at",
            DataTypes.TimestampType,
            "UTC",
            s -> Timestamp.from(s.facts.startedAt())));
  }

  private static double durationSeconds(PolicyStats stats) {
    return stats.facts.durationNanos() / NANOS_PER_S;
  }

  private static EngineOptions engine(PolicyStats stats) {
    return stats.settings.options().engine();
  }

  private static String questionAttention(PolicyStats stats) {
    return stats.settings.options().selection().questionAttention().name().toLowerCase(Locale.ROOT);
  }

  private static Column text(String name, String meaning, Function<PolicyStats, ?> value) {
    return new Column(name, DataTypes.StringType, meaning, value::apply);
  }

  private static Column integer(String name, String meaning, Function<PolicyStats, ?> value) {
    return new Column(name, DataTypes.IntegerType, meaning, value::apply);
  }

  private static Column count(String name, String meaning, Function<PolicyStats, Long> value) {
    return new Column(name, DataTypes.LongType, meaning, value::apply);
  }

  private static Column number(String name, String meaning, Function<PolicyStats, Double> value) {
    return new Column(name, DataTypes.DoubleType, meaning, value::apply);
  }
}
