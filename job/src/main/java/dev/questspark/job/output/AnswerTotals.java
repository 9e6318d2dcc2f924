package dev.questspark.job.output;

import static org.apache.spark.sql.functions.array;
import static org.apache.spark.sql.functions.avg;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.count_distinct;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.stddev_samp;
import static org.apache.spark.sql.functions.sum;

import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.job.answer.PolicyColumns;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;

/** What the committed answers of a run add up to, per policy; one pass over their small columns. */
final class AnswerTotals {
  /** Latencies that get a distribution, as column stems of {@code answers/}. */
  static final List<String> LATENCIES = List.of("queue", "ttft", "tpot", "e2e");

  static final List<String> PERCENTILES = List.of("median", "p90", "p95", "p99");

  private final Row row;

  private AnswerTotals(Row row) {
    this.row = row;
  }

  /** Policy's text to totals; a policy without answers has no entry. */
  static Map<String, AnswerTotals> read(Dataset<Row> answers, String runId) {
    List<Column> sums = new ArrayList<>();
    sums.add(count_distinct(col("doc_id")).as("documents"));
    sums.add(count("*").as("rows"));
    sums.add(sum(col("status").equalTo("ok").cast("long")).as("completed"));
    sums.add(count("answer_correct").as("referenced"));
    sums.add(sum(col("answer_correct").cast("long")).as("correct"));
    for (String counter :
        List.of(
            "prompt_tokens",
            "completion_tokens",
            "reasoning_tokens",
            "cached_tokens",
            "read_tokens",
            "kept_tokens",
            "dropped_tokens")) {
      sums.add(sum(col(counter).cast("long")).as(counter));
    }
    sums.add(sum(functions.not(col("reasoning_finished")).cast("long")).as("unfinished_reasoning"));
    sums.add(avg("kv_pages_total").as("kv_pages_total"));
    sums.add(avg("kv_pages_attended_mean").as("kv_pages_attended"));
    sums.add(avg("kv_tokens_attended_mean").as("kv_tokens_attended"));
    for (String latency : LATENCIES) {
      Column millis = col(latency + "_ms");
      sums.add(avg(millis).as("mean_" + latency));
      sums.add(stddev_samp(millis).as("std_" + latency));
      sums.add(
          functions
              .percentile(millis, array(lit(0.5), lit(0.9), lit(0.95), lit(0.99)))
              .as("percentiles_" + latency));
    }
    Dataset<Row> grouped =
        answers
            .where(col("run_id").equalTo(runId))
            .groupBy(PolicyColumns.POLICY)
            .agg(sums.get(0), sums.subList(1, sums.size()).toArray(Column[]::new));
    Map<String, AnswerTotals> byPolicy = new LinkedHashMap<>();
    for (Row row : grouped.collectAsList()) {
      byPolicy.put(row.getString(0), new AnswerTotals(row));
    }
    return byPolicy;
  }

  /** Error code to error rows of the run. */
  static Map<String, Long> errors(Dataset<Row> answers, String runId) {
    Map<String, Long> byCode = new TreeMap<>();
    for (Row row :
        answers
            .where(col("run_id").equalTo(runId).and(col("error_code").isNotNull()))
            .groupBy("error_code")
            .count()
            .collectAsList()) {
      byCode.put(row.getString(0), row.getLong(1));
    }
    return byCode;
  }

  static AnswerTotals of(Map<String, AnswerTotals> byPolicy, ReadPolicy policy) {
    return byPolicy.getOrDefault(policy.text(), new AnswerTotals(null));
  }

  /** A sum; 0 without answers. */
  long total(String name) {
    Long value = row == null ? null : row.getAs(name);
    return value == null ? 0 : value;
  }

  /** A mean or deviation; null without answers. */
  Double mean(String name) {
    return row == null ? null : row.getAs(name);
  }

  Double percentile(String latency, String percentile) {
    int at = row == null ? -1 : row.fieldIndex("percentiles_" + latency);
    return at < 0 || row.isNullAt(at)
        ? null
        : (Double) row.getList(at).get(PERCENTILES.indexOf(percentile));
  }

  /** Share of the rows with a reference that match it; null without references. */
  Double accuracy() {
    long referenced = total("referenced");
    return referenced == 0 ? null : (double) total("correct") / referenced;
  }
}
