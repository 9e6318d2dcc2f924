package dev.questspark.job.output;

import dev.questspark.engine.Completion;
import dev.questspark.job.answer.Answer;
import dev.questspark.job.answer.Answer.Outcome;
import dev.questspark.job.answer.DocumentCoverage.Source;
import dev.questspark.job.answer.PolicyColumns;
import dev.questspark.job.corpus.Defect;
import java.io.Serial;
import java.io.Serializable;
import java.sql.Timestamp;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Function;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * The columns of {@code answers/}: always all of them, always these types. Counters and clocks of
 * an error row are null; so is {@code tpot_ms} of an answer with fewer than two tokens.
 */
public final class AnswerSchema implements Serializable {
  @Serial private static final long serialVersionUID = 1L;
  private static final double NANOS_PER_MS = 1e6;

  /** The one column that changes after a row is committed. */
  static final String VANISHED_AT = "vanished_at";

  /** An element of {@code sources}. */
  private static final StructType SOURCE =
      new StructType()
          .add("start_char_index", DataTypes.IntegerType, true, "first character, from 0")
          .add("end_char_index", DataTypes.IntegerType, true, "one after the last character")
          .add("tokens", DataTypes.IntegerType, true, "the chunk's, prompt template aside")
          .add(
              "headings",
              DataTypes.createArrayType(DataTypes.StringType, false),
              true,
              "of the sections that the chunk has part of, in order")
          .add("output_text", DataTypes.StringType, true, "the partial answer");

  /**
   * What rows of one task share.
   *
   * @param attempt number of the task's attempt, from 0
   * @param gpuAddress {@code cpu} without a GPU
   * @param paramsHash hash of everything that decides an answer's content
   */
  public record Origin(
      String runId, String paramsHash, String executorId, String gpuAddress, int attempt) {}

  private record Column(
      String name, DataType type, String meaning, Function<Answer, Object> value) {}

  private AnswerSchema() {}

  /** The schema, all columns nullable. */
  public static StructType schema() {
    StructType schema = new StructType();
    for (Column column : columns(new Origin("", "", "", "", 0), 0, Map.of())) {
      schema = schema.add(column.name, column.type, true, column.meaning);
    }
    return schema;
  }

  /** Turns the answers to one document of a task into rows. */
  public static Function<Answer, Row> rows(
      Origin origin, long recordKey, Map<String, String> kept) {
    List<Column> columns = columns(origin, recordKey, kept);
    return answer ->
        RowFactory.create(columns.stream().map(column -> column.value.apply(answer)).toArray());
  }

  private static List<Column> columns(Origin origin, long recordKey, Map<String, String> kept) {
    List<Column> columns = new ArrayList<>();
    columns.addAll(identity());
    columns.addAll(result());
    columns.addAll(usage());
    columns.addAll(coverage());
    columns.addAll(selection());
    columns.addAll(clocks());
    columns.addAll(provenance(origin, recordKey));
    columns.add(
        new Column(
            "kept_columns",
            DataTypes.createMapType(DataTypes.StringType, DataTypes.StringType),
            "columns of the input that --keep-columns names; null without any",
            answer -> kept.isEmpty() ? null : kept));
    return columns;
  }

  private static List<Column> identity() {
    return List.of(
        text("doc_id", "the document's id; null when the record has none", Answer::documentId),
        integer("question_id", "from 0, in input order", answer -> answer.question().number()),
        text("question", "the question; null for a summary", answer -> answer.question().text()));
  }

  private static List<Column> result() {
    return List.of(
        text("status", "ok or error", a -> a.defect().isPresent() ? "error" : "ok"),
        text("output_text", "the answer", ok(Outcome::text)),
        text(
            "reasoning_text",
            "what the model thought before it answered; null when it did not",
            ok(o -> o.reasoning().text())),
        new Column(
            "reasoning_finished",
            DataTypes.BooleanType,
            "false where the answer, or with map_reduce a partial one, ends inside its thinking",
            ok(o -> o.reasoning().finished())),
        text(
            "finish_reason",
            "stop, length or error",
            a -> a.outcome().map(Outcome::finishReason).orElse("error")),
        text(
            "error_code",
            "from the closed list of ErrorCode",
            a -> a.defect().map(defect -> defect.code().name()).orElse(null)),
        text("error_message", "one sentence", a -> a.defect().map(Defect::message).orElse(null)),
        text("answer_expected", "reference answer", a -> a.question().expected()),
        new Column(
            "answer_correct",
            DataTypes.BooleanType,
            "exact match with the reference, white space at the ends aside",
            a -> a.correct().orElse(null)));
  }

  private static List<Column> usage() {
    return List.of(
        integer("prompt_tokens", "document and question", ok(o -> o.usage().promptTokens())),
        integer("completion_tokens", "generated", ok(o -> o.usage().completionTokens())),
        integer(
            "reasoning_tokens",
            "those of completion_tokens that are thinking and its marks",
            ok(o -> o.reasoning().tokens())),
        integer(
            "total_tokens",
            "prompt and completion",
            ok(o -> o.usage().promptTokens() + o.usage().completionTokens())),
        integer(
            "cached_tokens",
            "prompt tokens whose KV another question of the document had computed",
            ok(o -> o.usage().cachedTokens())),
        integer(
            "read_tokens",
            "rows of document and questions read to choose what is prefilled; 0 without a choice",
            ok(o -> o.usage().readTokens())),
        integer(
            "kept_tokens",
            "prompt tokens whose KV is stored; all of them without a choice",
            ok(o -> o.usage().keptTokens())),
        new Column(
            "union_share",
            DataTypes.FloatType,
            "share of the document that is kept for all its questions together; null where nothing"
                + " is chosen, or each has a choice of its own",
            ok(AnswerSchema::unionShare)),
        integer(
            "dropped_tokens",
            "tokens that truncation left out",
            a -> a.coverage().droppedTokens()));
  }

  private static Float unionShare(Outcome outcome) {
    OptionalDouble share = outcome.usage().union().share();
    return share.isPresent() ? (float) share.getAsDouble() : null;
  }

  private static List<Column> coverage() {
    return List.of(
        integer(
            "num_chunks",
            "chunks of map_reduce; 1 for a whole document",
            a -> a.coverage().numChunks()),
        integer(
            "reduce_levels",
            "times that map_reduce combined partial answers; 0 for a whole document",
            a -> a.coverage().reduceLevels()),
        new Column(
            "sources",
            DataTypes.createArrayType(SOURCE, false),
            "the chunks of map_reduce, in order; null for a whole document",
            a -> sources(a.coverage().sources())));
  }

  private static List<Row> sources(List<Source> sources) {
    return sources.isEmpty()
        ? null
        : sources.stream()
            .map(
                source ->
                    RowFactory.create(
                        source.startCharIndex(),
                        source.endCharIndex(),
                        source.tokens(),
                        source.headings(),
                        source.outputText()))
            .toList();
  }

  private static List<Column> selection() {
    return List.of(
        text(PolicyColumns.POLICY, "what a decode step reads, in full", a -> columns(a).policy()),
        text(
            PolicyColumns.CACHE_POLICY,
            "what became of the document's keys and values; none keeps them whole",
            a -> columns(a).cachePolicy()),
        integer(
            PolicyColumns.KV_BUDGET,
            "tokens attended per KV head and layer; null without a fixed number",
            a -> columns(a).kvBudget()),
        longInteger(
            "prefill_blocks_total",
            "pairs of a document row and a key block that dense prefill computes, over layers and query heads",
            ok(o -> o.prefill().blocksTotal())),
        longInteger(
            "prefill_blocks_computed",
            "those that were computed",
            ok(o -> o.prefill().blocksComputed())),
        new Column(
            "prefill_density",
            DataTypes.FloatType,
            "prefill_blocks_computed of prefill_blocks_total; 1 for dense prefill",
            ok(o -> (float) o.prefill().density())),
        integer(
            "kv_pages_total",
            "pages of the row's context, per layer and KV head",
            ok(o -> o.reads().pagesTotal())),
        new Column(
            "kv_pages_attended_mean",
            DataTypes.FloatType,
            "pages, or parts of pages, attended per decode step, layer and KV head",
            ok(o -> (float) o.attended().pages())),
        new Column(
            "kv_tokens_attended_mean",
            DataTypes.FloatType,
            "tokens attended per decode step, layer and KV head",
            ok(o -> (float) o.attended().tokens())),
        longInteger(
            "kv_bytes_document",
            "bytes of the document's pages, digests included, while its questions are answered",
            ok(o -> o.prefill().storedBytes())),
        longInteger("kv_bytes_read", "bytes decode steps read", ok(o -> o.reads().bytesRead())),
        longInteger(
            "kv_bytes_dense",
            "bytes dense attention would have read in those steps",
            ok(o -> o.reads().bytesDense())),
        integer(
            "sparse_steps",
            "decode steps that read less than everything",
            ok(o -> o.reads().sparseSteps())),
        integer(
            "dense_steps", "decode steps that read everything", ok(o -> o.reads().denseSteps())));
  }

  private static PolicyColumns columns(Answer answer) {
    return PolicyColumns.of(answer.policy(), answer.cachePolicy());
  }

  private static List<Column> clocks() {
    return List.of(
        millis(
            "queue_ms",
            "submission to first step of prefill, reading_ms apart",
            timing(Completion.Timings::queueNanos)),
        millis("ttft_ms", "submission to first token", timing(Completion.Timings::ttftNanos)),
        millis("tpot_ms", "time per token after the first", AnswerSchema::tpotNanos),
        millis("e2e_ms", "submission to last token", timing(Completion.Timings::e2eNanos)),
        millis(
            "reading_ms",
            "first row read to the choice of what is prefilled; 0 without a choice",
            timing(Completion.Timings::readingNanos)),
        millis(
            "prefill_ms",
            "first step of prefill to first token",
            timing(Completion.Timings::prefillNanos)),
        millis("decode_ms", "first token to last token", timing(Completion.Timings::decodeNanos)),
        integer("preemptions", "times recomputed", ok(o -> o.timings().preemptions())));
  }

  private static List<Column> provenance(Origin origin, long recordKey) {
    return List.of(
        integer(
            "attempt", "attempts of the stage and the task before this one", a -> origin.attempt()),
        text("executor_id", "Spark executor", a -> origin.executorId()),
        text("gpu_address", "device address, or cpu", a -> origin.gpuAddress()),
        timestamp("started_at", "submission, UTC", a -> Timestamp.from(a.span().startedAt())),
        timestamp("finished_at", "last token, UTC", a -> Timestamp.from(a.span().finishedAt())),
        text("run_id", "the run", a -> origin.runId()),
        text("params_hash", "hash of what decides the answer", a -> origin.paramsHash()),
        longInteger("record_key", "hash of the document's id, text and questions", a -> recordKey),
        timestamp(
            VANISHED_AT,
            "when an update missed the document in the corpus, UTC; null while it is there",
            a -> null));
  }

  private static Function<Answer, Double> timing(Function<Completion.Timings, Long> clock) {
    return answer -> answer.outcome().map(o -> clock.apply(o.timings()).doubleValue()).orElse(null);
  }

  private static Double tpotNanos(Answer answer) {
    return answer
        .outcome()
        .filter(o -> o.usage().completionTokens() >= 2)
        .map(
            o ->
                (double) (o.timings().e2eNanos() - o.timings().ttftNanos())
                    / (o.usage().completionTokens() - 1))
        .orElse(null);
  }

  private static Function<Answer, Object> ok(Function<Outcome, Object> value) {
    return answer -> {
      Optional<Outcome> outcome = answer.outcome();
      return outcome.isPresent() ? value.apply(outcome.get()) : null;
    };
  }

  private static Column text(String name, String meaning, Function<Answer, ?> value) {
    return new Column(name, DataTypes.StringType, meaning, value::apply);
  }

  private static Column integer(String name, String meaning, Function<Answer, ?> value) {
    return new Column(name, DataTypes.IntegerType, meaning, value::apply);
  }

  private static Column longInteger(String name, String meaning, Function<Answer, ?> value) {
    return new Column(name, DataTypes.LongType, meaning, value::apply);
  }

  private static Column timestamp(String name, String meaning, Function<Answer, ?> value) {
    return new Column(name, DataTypes.TimestampType, meaning, value::apply);
  }

  private static Column millis(String name, String meaning, Function<Answer, Double> nanos) {
    return new Column(
        name,
        DataTypes.DoubleType,
        meaning,
        answer -> {
          Double value = nanos.apply(answer);
          return value == null ? null : value / NANOS_PER_MS;
        });
  }
}
