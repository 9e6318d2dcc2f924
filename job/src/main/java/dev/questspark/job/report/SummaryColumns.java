package dev.questspark.job.report;

import dev.questspark.job.answer.PolicyColumns;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.DoubleFunction;
import java.util.function.Function;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * The columns of {@code stats/}, of the page's table and of the console's, in their order: one row
 * per policy. Intervals are 95 %, null under three values.
 */
final class SummaryColumns {
  /** All of them. */
  static final List<Column> ALL = all();

  /**
   * A column of {@code stats/}.
   *
   * @param shown how people read it; empty for the columns that identify the policy, whose name
   *     stands at the head of a row
   */
  record Column(
      String name,
      DataType type,
      String meaning,
      Function<PolicySummary, ?> value,
      Optional<Shown> shown) {

    /** As people read it; empty where there is no such number. */
    Optional<String> text(PolicySummary summary) {
      return Optional.ofNullable((Number) value.apply(summary))
          .map(number -> shown.orElseThrow().text().apply(number.doubleValue()));
    }
  }

  /**
   * How people read a column.
   *
   * @param inConsole whether the console has it too
   */
  record Shown(String title, DoubleFunction<String> text, boolean inConsole) {
    Shown onPageOnly() {
      return new Shown(title, text, false);
    }
  }

  private SummaryColumns() {}

  /** All columns nullable. */
  static StructType schema() {
    StructType schema = new StructType();
    for (Column column : ALL) {
      schema = schema.add(column.name, column.type, true, column.meaning);
    }
    return schema;
  }

  static Row row(PolicySummary summary) {
    return RowFactory.create(ALL.stream().map(column -> column.value.apply(summary)).toArray());
  }

  private static List<Column> all() {
    List<Column> columns = new ArrayList<>();
    columns.addAll(identity());
    columns.addAll(quality());
    columns.addAll(reading());
    columns.addAll(speed());
    return List.copyOf(columns);
  }

  private static List<Column> identity() {
    return List.of(
        identity(PolicyColumns.POLICY, DataTypes.StringType, "canonical text", Policy::text),
        identity(
            PolicyColumns.CACHE_POLICY,
            DataTypes.StringType,
            "canonical text",
            Policy::cachePolicy),
        identity(
            PolicyColumns.KV_BUDGET,
            DataTypes.IntegerType,
            "tokens; null without a fixed number",
            Policy::kvBudget));
  }

  private static List<Column> quality() {
    List<Column> columns = new ArrayList<>();
    columns.add(
        count("questions", "answers and errors", PolicySummary::questions, inConsole("questions")));
    columns.add(
        count("errors", "questions without an answer", PolicySummary::errors, inConsole("errors")));
    columns.addAll(
        interval(
            "score",
            "mean over the questions with references, 0 to 1",
            PolicySummary::score,
            percent("score")));
    columns.addAll(
        interval(
            "score_minus_dense",
            "mean of the differences from dense attention, question by question",
            PolicySummary::scoreMinusDense,
            new Shown("against dense", Format::points, true)));
    columns.add(
        number(
            "text_agreement",
            "share of answers whose text equals dense attention's",
            PolicySummary::textAgreement,
            percent("same text").onPageOnly()));
    columns.add(
        number(
            "token_agreement",
            "mean share of dense attention's tokens at the same place",
            PolicySummary::tokenAgreement,
            percent("same tokens").onPageOnly()));
    columns.addAll(
        interval(
            "perplexity",
            "exp of the mean negative log-likelihood per token over all texts; interval over texts",
            PolicySummary::perplexity,
            fine("perplexity")));
    columns.addAll(
        interval(
            "perplexity_over_dense",
            "over dense attention's on the same text, geometric mean; interval over texts, paired",
            PolicySummary::perplexityOverDense,
            fine("over dense")));
    columns.addAll(
        interval(
            "kl",
            "KL(dense || policy) of the next token's distribution in nats, mean over windows' rows;"
                + " interval over windows",
            PolicySummary::kl,
            new Shown("KL", value -> String.format(Locale.ROOT, "%.4f", value), true)));
    columns.addAll(
        interval(
            "same_argmax",
            "share of the windows' rows whose most probable token is dense attention's; interval"
                + " over windows",
            PolicySummary::sameArgmax,
            percent("same argmax")));
    return columns;
  }

  private static List<Column> reading() {
    List<Column> columns = new ArrayList<>();
    columns.add(
        number(
            "kv_tokens_mean",
            "tokens attended per decode step, layer and KV head, dense layers included: the budget"
                + " that an adaptive policy came to",
            PolicySummary::kvTokensMean,
            new Shown("tokens read", Format::number, true)));
    columns.add(
        number(
            "kv_read_share",
            "KV bytes read in decode steps, digests and 4-bit keys included, over what dense attention reads",
            PolicySummary::kvReadShare,
            percent("KV read")));
    columns.add(
        number(
            "kv_bytes_per_token",
            "KV bytes read per decode step and row of answers or windows, digests included",
            PolicySummary::kvBytesPerToken,
            inConsole("KV bytes per token").onPageOnly()));
    columns.add(
        number(
            "prefill_density",
            "pairs of a document row and a key block that the prefill computed, over those of dense"
                + " attention; null where no cache policies are compared",
            PolicySummary::prefillDensity,
            percent("prefill density")));
    columns.add(
        number(
            "tokens_read_share",
            "rows read to choose what is prefilled, over prompt tokens; null where nothing is chosen",
            PolicySummary::readShare,
            percent("tokens read first").onPageOnly()));
    columns.add(
        number(
            "tokens_kept_share",
            "prompt tokens that are prefilled and stored, over all; null where nothing is chosen",
            PolicySummary::keptShare,
            percent("tokens kept")));
    columns.add(
        number(
            "kv_bytes_stored_per_token",
            "bytes of a document's pages, digests included, while its questions are answered, for each"
                + " token of the prompt; null where no cache policies are compared",
            PolicySummary::storedBytesPerToken,
            inConsole("stored KV bytes per token").onPageOnly()));
    columns.addAll(
        interval(
            "attention_mass",
            "share of dense attention's softmax weight on the pages that the policy keeps, mean"
                + " over layers, query heads and watched rows; dense layers not heeded; interval"
                + " over documents",
            PolicySummary::attentionMass,
            percent("attention mass")));
    columns.add(
        number(
            "top_token_recall",
            "share of the ten heaviest tokens on kept pages, likewise",
            summary -> part(summary.topTokenRecall(), Interval::mean),
            percent("top-10 recall").onPageOnly()));
    columns.addAll(
        interval(
            "prefill_attention_mass",
            "share of the softmax weight of a prefill's own rows on the key blocks that they read,"
                + " mean over layers, KV heads and watched rows; interval over documents",
            PolicySummary::prefillMass,
            percent("prefill mass")));
    columns.add(
        number(
            "prefill_best_mass",
            "the most that as many blocks could have had, likewise",
            summary -> part(summary.prefillBestMass(), Interval::mean),
            percent("best prefill mass")));
    return columns;
  }

  private static List<Column> speed() {
    List<Column> columns = new ArrayList<>();
    columns.add(
        count(
            "repetitions",
            "speed measurements per document",
            PolicySummary::repetitions,
            inConsole("repetitions").onPageOnly()));
    columns.addAll(
        interval(
            "decode_throughput",
            "generated tokens per second of decode time: per repetition over all documents, then"
                + " the geometric mean; interval over repetitions, on the logarithm",
            PolicySummary::decodeThroughput,
            inConsole("decode tok/s")));
    columns.add(
        number(
            "decode_speedup",
            "decode_throughput over dense attention's",
            PolicySummary::decodeSpeedup,
            inConsole("decode x")));
    columns.add(
        number(
            "tpot_ms",
            "decode time over decode steps, mean over documents and repetitions",
            summary -> summary.timed(SpeedSummary::tpotMs),
            inConsole("ms per token").onPageOnly()));
    columns.add(
        number(
            "prefill_throughput",
            "document tokens per second of prefill; the same for all policies of a document under"
                + " one cache policy",
            summary -> summary.timed(SpeedSummary::prefillThroughput),
            inConsole("prefill tok/s").onPageOnly()));
    columns.addAll(
        interval(
            "prefill_seconds",
            "seconds of prefill per document where cache policies are compared and every repetition"
                + " prefills anew: per repetition over all documents, then the geometric mean;"
                + " interval over repetitions, on the logarithm",
            PolicySummary::prefillSeconds,
            inConsole("prefill s")));
    columns.addAll(
        interval(
            "prefill_speedup",
            "prefill time of documents kept whole over this one's, repetition by repetition,"
                + " geometric mean; interval over repetitions, on the logarithm",
            PolicySummary::prefillSpeedup,
            inConsole("prefill x")));
    columns.add(
        number(
            "question_throughput",
            "question tokens per second, the first generated token included",
            summary -> summary.timed(SpeedSummary::questionThroughput),
            inConsole("question tok/s").onPageOnly()));
    columns.add(
        number(
            "documents_per_hour",
            "one device: prefill, then one batch of questions and answers",
            summary -> summary.timed(SpeedSummary::documentsPerHour),
            inConsole("docs/hour")));
    columns.add(
        number(
            "documents_per_hour_ceiling",
            "the same if questions and answers took no time",
            summary -> summary.timed(SpeedSummary::documentsPerHourCeiling),
            inConsole("its ceiling").onPageOnly()));
    columns.add(
        number(
            "end_to_end_speedup",
            "documents_per_hour over dense attention's",
            PolicySummary::endToEndSpeedup,
            inConsole("end to end x")));
    columns.add(
        number(
            "device_hours_per_billion_tokens",
            "prompt and generated tokens",
            summary -> summary.timed(SpeedSummary::deviceHoursPerBillionTokens),
            inConsole("device hours per 1B tokens").onPageOnly()));
    return columns;
  }

  private static Shown inConsole(String title) {
    return new Shown(title, Format::number, true);
  }

  private static Shown percent(String title) {
    return new Shown(title, Format::percent, true);
  }

  private static Shown fine(String title) {
    return new Shown(title, value -> String.format(Locale.ROOT, "%.3f", value), true);
  }

  private static Column identity(
      String name, DataType type, String meaning, Function<Policy, ?> value) {
    return new Column(
        name, type, meaning, summary -> value.apply(summary.policy()), Optional.empty());
  }

  private static Column count(
      String name, String meaning, Function<PolicySummary, Integer> value, Shown shown) {
    Shown whole = new Shown(shown.title(), SummaryColumns::whole, shown.inConsole());
    return new Column(name, DataTypes.IntegerType, meaning, value, Optional.of(whole));
  }

  private static String whole(double count) {
    return String.valueOf((long) count);
  }

  private static Column number(
      String name, String meaning, Function<PolicySummary, Double> value, Shown shown) {
    return new Column(name, DataTypes.DoubleType, meaning, value, Optional.of(shown));
  }

  /** The mean, and the ends of its interval beside it. */
  private static List<Column> interval(
      String name, String meaning, Function<PolicySummary, Interval> value, Shown shown) {
    return List.of(
        number(name, meaning, summary -> part(value.apply(summary), Interval::mean), shown),
        number(
            name + "_low",
            "lower end of its interval",
            summary -> part(value.apply(summary), Interval::low),
            new Shown("from", shown.text(), false)),
        number(
            name + "_high",
            "upper end of its interval",
            summary -> part(value.apply(summary), Interval::high),
            new Shown("to", shown.text(), false)));
  }

  private static Double part(Interval interval, Function<Interval, Double> part) {
    return interval == null ? null : part.apply(interval);
  }
}
