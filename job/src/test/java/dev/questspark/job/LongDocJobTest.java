package dev.questspark.job;

import static dev.questspark.job.JobHarness.query;
import static dev.questspark.job.JobHarness.table;
import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.job.JobHarness.Ended;
import dev.questspark.job.options.ExitCode;
import dev.questspark.job.output.AnswerSchema;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.apache.spark.sql.types.StructField;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whole jobs: real Spark, real engine, real model, Parquet read back by DuckDB. */
@Tag("spark")
class LongDocJobTest {
  private static final String CONTENT =
      "doc_id, question_id, policy, cache_policy, kv_budget, status, error_code, output_text,"
          + " prompt_tokens, completion_tokens, kv_bytes_read, sparse_steps, num_chunks,"
          + " dropped_tokens";

  /** In full, as every table names it. */
  private static final String QUEST_64 =
      ReadPolicy.parse("skip_layers(layers=1, quest(budget=64))").text();

  @TempDir Path folder;

  private List<String> content(Path output) {
    return query("select " + CONTENT + " from " + table(output, "answers") + " order by all");
  }

  @Test
  void everyRowIsAnsweredAndEverythingIsWritten() throws IOException {
    Path output = folder.resolve("out");
    Ended ended =
        JobHarness.run(
            JobHarness.corpus(folder, 3),
            output,
            "--answer-col",
            "answer",
            "--selectors",
            "all,quest",
            "--kv-budgets",
            "64,full",
            "--sparse-skip-layers",
            "1");

    assertThat(ended.err()).isEmpty();
    assertThat(ended.code()).isZero();
    assertThat(ended.out()).contains("quest", "64", "KV read", output + "/answers");
    assertThat(ended.out()).contains(QUEST_64, "cache_policy");
    String answers = table(output, "answers");
    assertThat(query("select count(*), count(distinct run_id) from " + answers))
        .containsExactly("12|1");
    assertThat(
            query(
                "select distinct policy, cache_policy, kv_budget, status from "
                    + answers
                    + " order by all"))
        .containsExactly("dense|none|null|ok", QUEST_64 + "|none|64|ok");
    // one prefill for both questions and both policies: only the first row of a document computed
    // it
    assertThat(
            query(
                "select doc_id, count(*) from "
                    + answers
                    + " where cached_tokens > 0 group by all order by all"))
        .allSatisfy(line -> assertThat(line).endsWith("|3"));
    assertThat(
            query(
                "select count(*) from "
                    + answers
                    + " where kv_bytes_read > kv_bytes_dense or ttft_ms > e2e_ms"
                    + " or (policy = 'dense' and kv_bytes_read <> kv_bytes_dense)"
                    + " or answer_expected is null or answer_correct is null"))
        .containsExactly("0");
    assertThat(
            query(
                "select policy, questions, completed, failed from "
                    + table(output, "stats")
                    + " order by all"))
        .containsExactly("dense|6|6|0", QUEST_64 + "|6|6|0");
    // the trace and the statistics tell the same story
    assertThat(query("select sum(prefill_tokens) from " + table(output, "steps")))
        .isEqualTo(query("select any_value(prefill_tokens) from " + table(output, "stats")));
    assertThat(query("select sum(decode_tokens) from " + table(output, "steps")))
        .isEqualTo(query("select sum(decode_tokens) from " + table(output, "stats")));
    assertThat(Files.readString(output.resolve("run.json")))
        .contains("\"kv_budgets\"", "\"from\": \"flag\"", "\"model_fingerprint\"", "\"engines\"");
  }

  @Test
  void duckDbSeesTheDocumentedSchema() throws IOException {
    Path output = folder.resolve("out");
    Path input = folder.resolve("one.jsonl");
    Files.writeString(input, "{\"id\": \"a\", \"text\": null, \"question\": \"q\"}\n");
    assertThat(JobHarness.run(input, output, "--max-error-rate", "1").code()).isZero();

    List<String> expected =
        List.of(AnswerSchema.schema().fields()).stream().map(LongDocJobTest::duckType).toList();
    assertThat(
            query(
                "select column_name, column_type from (describe select * from "
                    + table(output, "answers")
                    + ")"))
        .isEqualTo(expected);
    assertThat(query("select * from (describe select * from " + table(output, "stats") + ")"))
        .anySatisfy(line -> assertThat(line).startsWith("decode_throughput|DOUBLE"))
        .anySatisfy(line -> assertThat(line).startsWith("p99_ttft_ms|DOUBLE"))
        .anySatisfy(line -> assertThat(line).startsWith("model_load_s|DOUBLE"));
  }

  private static String duckType(StructField field) {
    String type =
        switch (field.dataType().typeName()) {
          case "string" -> "VARCHAR";
          case "map" -> "MAP(VARCHAR, VARCHAR)";
          case "long" -> "BIGINT";
          case "timestamp" -> "TIMESTAMP WITH TIME ZONE";
          case "array" ->
              "STRUCT(start_char_index INTEGER, end_char_index INTEGER, tokens INTEGER,"
                  + " headings VARCHAR[], output_text VARCHAR)[]";
          default -> field.dataType().typeName().toUpperCase(Locale.ROOT);
        };
    return field.name() + "|" + type;
  }

  @Test
  void partitionsAndBatchLimitsChangeNoAnswer() throws IOException {
    Path input = JobHarness.corpus(folder, 5);
    List<String> first = null;
    for (int partitions : new int[] {1, 3, 16}) {
      for (int sequences : new int[] {1, 8}) {
        Path output = folder.resolve("out-" + partitions + "-" + sequences);
        Ended ended =
            JobHarness.run(
                input,
                output,
                "--partitions=" + partitions,
                "--max-num-seqs=" + sequences,
                "--max-num-batched-tokens=" + (sequences == 1 ? 64 : 256),
                "--selectors=all,quest",
                "--kv-budgets=64",
                "--temperature=0.8",
                "--seed=7");
        assertThat(ended.code()).as(ended.err()).isZero();
        List<String> found = content(output);
        assertThat(found).hasSize(20);
        first = first == null ? found : first;
        assertThat(found).as(partitions + " partitions, " + sequences).isEqualTo(first);
      }
    }
  }

  @Test
  void poisonedInputBecomesErrorRows() throws IOException {
    Path output = folder.resolve("out");
    ByteArrayOutputStream lines = new ByteArrayOutputStream();
    lines.writeBytes(
        """
        {"id": "good", "text": "The gate code of the silver otter is 41234.", "question": ["What is the gate code of the silver otter?", null, " "]}
        {"id": "empty", "text": "", "question": ["q"]}
        {"id": "noq", "text": "text"}
        {"id": "noqs", "text": "text", "question": []}
        {"id": "dup", "text": "one", "question": ["q"]}
        {"id": "dup", "text": "two", "question": ["q", "r"]}
        {"text": "no id", "question": ["q"]}
        {"id": "cut", "text": "tex
        {"id": "long", "text": "%s", "question": ["q"]}
        """
            .formatted("many words ".repeat(1200))
            .getBytes(StandardCharsets.UTF_8));
    lines.writeBytes(
        "{\"id\": \"bytes\", \"question\": [\"q\"], \"text\": \"".getBytes(StandardCharsets.UTF_8));
    lines.write(0xff);
    lines.writeBytes("\"}\n".getBytes(StandardCharsets.UTF_8));
    Path input = folder.resolve("poison.jsonl");
    Files.write(input, lines.toByteArray());

    Ended ended = JobHarness.run(input, output, "--selectors=all", "--max-error-rate=1");

    assertThat(ended.code()).as(ended.err()).isZero();
    assertThat(
            query(
                "select doc_id, question_id, status, error_code from "
                    + table(output, "answers")
                    + " order by all nulls first"))
        .containsExactly(
            "null|0|error|MALFORMED_RECORD",
            "null|0|error|MISSING_ID",
            "bytes|0|error|INVALID_UTF8",
            "dup|0|error|DUPLICATE_ID",
            "dup|0|ok|null",
            "dup|1|error|DUPLICATE_ID",
            "empty|0|error|EMPTY_DOCUMENT",
            "good|0|ok|null",
            "good|1|error|EMPTY_QUESTION",
            "good|2|error|EMPTY_QUESTION",
            "long|0|error|TOO_LONG",
            "noq|0|error|EMPTY_QUESTION",
            "noqs|0|error|EMPTY_QUESTION");

    Ended strict =
        JobHarness.run(input, folder.resolve("out2"), "--selectors=all", "--max-error-rate=0.5");
    assertThat(strict.code()).isEqualTo(ExitCode.TOO_MANY_ERRORS);
    assertThat(strict.out()).contains("--max-error-rate 0.5");
  }

  @Test
  void longDocumentsAreCutOrMapped() throws IOException {
    Path input = folder.resolve("long.jsonl");
    Files.writeString(
        input,
        "{\"id\": \"long\", \"text\": \"%s\", \"question\": \"q?\"}\n"
            .formatted("many words of a long text ".repeat(400)));
    Path cut = folder.resolve("cut");
    assertThat(
            JobHarness.run(input, cut, "--selectors=all", "--on-too-long=truncate_middle").code())
        .isZero();
    assertThat(
            query(
                "select status, prompt_tokens + 8, num_chunks, dropped_tokens > 500 from "
                    + table(cut, "answers")))
        .containsExactly("ok|1024|1|true");

    Path mapped = folder.resolve("mapped");
    Ended ended =
        JobHarness.run(
            input,
            mapped,
            "--selectors=all,quest",
            "--kv-budgets=64",
            "--on-too-long=map_reduce",
            "--chunk-tokens=400",
            "--chunk-overlap-tokens=16",
            "--ignore-eos");
    assertThat(ended.code()).as(ended.err()).isZero();
    assertThat(
            query(
                "select distinct status, num_chunks > 3, dropped_tokens,"
                    + " completion_tokens = 8 * (num_chunks + 1) from "
                    + table(mapped, "answers")))
        .containsExactly("ok|true|0|true");
  }

  /** Good answers to short documents are no failure of a night, unless somebody compares. */
  @Test
  void aBudgetThatNeverTookEffectIsAWarning() throws IOException {
    String[] args = {"--selectors=all,quest", "--kv-budgets=1024"};
    Path input = JobHarness.corpus(folder, 1);
    Ended ended = JobHarness.run(input, folder.resolve("out"), args);
    assertThat(ended.code()).isZero();
    assertThat(ended.out()).contains("quest(budget=1024", "never read less", "answers are good");

    Ended strict =
        JobHarness.run(
            input,
            folder.resolve("strict"),
            "--selectors=all,quest",
            "--kv-budgets=1024",
            "--fail-on=unused_budget");
    assertThat(strict.code()).isEqualTo(ExitCode.BUDGET_NEVER_USED);
  }

  @Test
  void saveModesDecideAboutEarlierAnswers() throws IOException {
    Path input = JobHarness.corpus(folder, 1);
    Path output = folder.resolve("out");
    String count = "select count(*), count(distinct run_id) from " + table(output, "answers");
    assertThat(JobHarness.run(input, output, "--selectors=all").code()).isZero();

    Ended again = JobHarness.run(input, output, "--selectors=all");
    assertThat(again.code()).isEqualTo(ExitCode.REFUSED);
    assertThat(again.err()).contains("already has answers", "--mode");

    assertThat(JobHarness.run(input, output, "--selectors=all", "--mode=ignore").code()).isZero();
    assertThat(query(count)).containsExactly("2|1");
    Ended appended = JobHarness.run(input, output, "--selectors=all", "--mode=append");
    assertThat(appended.code()).as(appended.err()).isZero();
    assertThat(query(count)).containsExactly("4|2");
    assertThat(output.toFile().list((dir, name) -> name.matches("run-.*json"))).hasSize(1);
    assertThat(JobHarness.run(input, output, "--selectors=all", "--mode=overwrite").code())
        .isZero();
    assertThat(query(count)).containsExactly("2|1");
  }

  @Test
  void mistakesInTheInputAreOneSentence() throws IOException {
    Path input = JobHarness.corpus(folder, 1);
    refused("no column 'nothing'", "--text-col", "nothing");
    refused("--input", "--input", folder.resolve("nowhere.jsonl").toString());
    assertThat(input).exists();
  }

  private void refused(String fragment, String... args) {
    Path output = folder.resolve("never");
    Ended ended = JobHarness.run(folder.resolve("corpus.jsonl"), output, args);
    assertThat(ended.code()).as(String.join(" ", args)).isEqualTo(ExitCode.REFUSED);
    assertThat(ended.err()).startsWith("Error: ").contains(fragment);
    assertThat(ended.err().strip().lines()).hasSize(1);
    assertThat(output.resolve("answers")).doesNotExist();
  }
}
