package dev.questspark.job;

import static dev.questspark.job.JobHarness.query;
import static dev.questspark.job.JobHarness.table;
import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.JobHarness.Ended;
import dev.questspark.job.options.ExitCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a user gets wrong, or an input is not: one sentence that names it and what to do. */
@Tag("spark")
class MistakesTest {
  @TempDir Path folder;

  private Path file(String name, String content) throws IOException {
    return Files.writeString(folder.resolve(name), content);
  }

  private Path preset(String... lines) throws IOException {
    return file("own.conf", String.join("\n", lines));
  }

  private Ended run(Path input, String... args) {
    return JobHarness.run(input, folder.resolve("out"), args);
  }

  private static void refused(Ended ended, String sentence) {
    assertThat(ended.err()).isEqualTo("Error: " + sentence + System.lineSeparator());
    assertThat(ended.code()).isEqualTo(ExitCode.REFUSED);
  }

  // ---- options

  @Test
  void aPresetsModeDoesNotKeepARunFromResuming() throws IOException {
    Path input = JobHarness.corpus(folder, 2);
    String preset = preset("mode = overwrite").toString();
    assertThat(run(input, "--preset", preset, "--selectors", "all").code()).isZero();
    Ended resumed = run(input, "--preset", preset, "--selectors", "all", "--resume");
    assertThat(resumed.err()).isEmpty();
    assertThat(resumed.out()).contains("4 rows were found finished and not computed again");
  }

  /** The other options that are refused before Spark starts are in {@link RefusalsTest}. */
  @Test
  void aRefusedOptionEndsTheProcessWithOneLineAndNoOutput() throws IOException {
    refused(
        run(JobHarness.corpus(folder, 1), "--suite", "needle"),
        "--suite has no effect on run, only on sweep and eval; leave it out.");
    assertThat(folder.resolve("out")).doesNotExist();
  }

  // ---- a context with no room

  @Test
  void maxTokensMustLeaveRoomInTheModelsOwnContext() throws IOException {
    Ended ended =
        run(
            JobHarness.corpus(folder, 1),
            "--max-model-len=0",
            "--kv-cache-memory-bytes=320m",
            "--max-tokens=100000");
    assertThat(ended.code()).isEqualTo(ExitCode.REFUSED);
    assertThat(ended.err())
        .startsWith("Error: max_tokens 100000 leaves no room for a prompt in max_model_len ")
        .hasLineCount(1);
  }

  @Test
  void aQuestionThatLeavesNoRoomSaysWhatWouldHelp() throws IOException {
    Path input = JobHarness.corpus(folder, 1);
    for (String policy : List.of("error", "truncate_middle", "map_reduce")) {
      Path output = folder.resolve(policy);
      Ended ended =
          JobHarness.run(
              input,
              output,
              "--max-tokens=1015",
              "--on-too-long=" + policy,
              "--selectors=all",
              "--max-error-rate=1");
      assertThat(ended.code()).isZero();
      assertThat(query("select distinct error_message from " + table(output, "answers")))
          .allSatisfy(
              message -> assertThat(message).contains("lower --max-tokens").doesNotContain("-on-"));
    }
  }

  @Test
  void aContextShorterThanTheWarmUpIsFine() throws IOException {
    Path input =
        file("short.jsonl", "{\"id\": \"a\", \"text\": \"Hi.\", \"question\": \"Who?\"}\n");
    Ended ended = run(input, "--max-model-len=40", "--max-tokens=2", "--selectors=all");
    assertThat(ended.err()).isEmpty();
    assertThat(ended.code()).isZero();
  }

  // ---- inputs

  @Test
  void anInputWithoutColumnsIsCalledEmptyOrMisread() throws IOException {
    Path empty = file("empty.jsonl", "");
    Path array = file("array.json", "[\n  {\n    \"id\": \"a\"\n  }\n]\n");
    String notLines =
        " is empty, or is not JSON lines: each line must be one object with the columns as keys.";
    refused(run(array), "Input " + array + notLines);
    for (Path none : List.of(empty, file("empty.csv", ""))) {
      Ended ended = JobHarness.run(none, folder.resolve("of-" + none.getFileName()));
      assertThat(ended.code()).as(ended.err()).isZero();
      assertThat(ended.out())
          .contains("0 documents", "left out of the input: " + none.getFileName());
    }
    Path texts = Files.createDirectory(folder.resolve("texts"));
    refused(
        run(texts),
        "A folder of files has no columns; ask every document with --question, without --answer-col.");
  }

  @Test
  void noDocumentsAreAnEmptyTable() throws IOException {
    Path texts = Files.createDirectory(folder.resolve("texts"));
    Ended ended = run(texts, "--question", "Who?");
    assertThat(ended.code()).isZero();
    assertThat(query("select count(*) from " + table(folder.resolve("out"), "answers")))
        .containsExactly("0");
    assertThat(ended.out()).doesNotContain("steps  ");
  }

  @Test
  void aByteOrderMarkIsNoPartOfAName() throws IOException {
    String mark = "\uFEFF";
    Path csv = file("sheet.csv", mark + "id,text,question\na,The code is 7.,What is the code?\n");
    Path json =
        file("lines.jsonl", mark + "{\"id\": \"a\", \"text\": \"T.\", \"question\": \"Who?\"}\n");
    for (Path input : List.of(csv, json)) {
      Path output = folder.resolve("out-" + input.getFileName());
      Ended ended = JobHarness.run(input, output, "--selectors=all");
      assertThat(ended.err()).isEmpty();
      assertThat(query("select doc_id, status from " + table(output, "answers")))
          .containsExactly("a|ok");
    }
  }

  @Test
  void aLineMayHaveAQuestionAndTheNextAListOfThem() throws IOException {
    Path input =
        file(
            "mixed.jsonl",
            """
            {"id": "a", "text": "T.", "question": "Who?"}
            {"id": "b", "text": "T.", "question": ["What?", "Where?"]}
            {"id": "c", "text": "T.", "question": "[sic] who?"}
            """);
    Path output = folder.resolve("out");
    assertThat(run(input, "--selectors=all").err()).isEmpty();
    assertThat(query("select doc_id, question from " + table(output, "answers") + " order by all"))
        .containsExactly("a|Who?", "b|What?", "b|Where?", "c|[sic] who?");
  }

  @Test
  void aDamagedParquetFileIsNamed() throws IOException, SQLException {
    Path good = folder.resolve("corpus");
    Files.createDirectory(good);
    parquet(good.resolve("a.parquet"));
    byte[] bytes = Files.readAllBytes(good.resolve("a.parquet"));
    Path alone = folder.resolve("alone.parquet");
    Files.write(alone, "not Parquet at all, though it says so".getBytes(StandardCharsets.UTF_8));
    Files.write(good.resolve("b.parquet"), Arrays.copyOf(bytes, bytes.length / 2));
    for (Path input : List.of(alone, good)) {
      Ended ended = run(input);
      assertThat(ended.err())
          .startsWith("Error: File file:" + folder)
          .contains(input == alone ? "alone.parquet cannot" : "b.parquet cannot")
          .contains("it is not a Parquet file", "; repair or remove it.")
          .hasLineCount(1);
      assertThat(ended.code()).isEqualTo(ExitCode.FAILED);
    }
  }

  private static void parquet(Path file) throws SQLException {
    try (Connection duck = DriverManager.getConnection("jdbc:duckdb:");
        Statement copy = duck.createStatement()) {
      copy.execute("copy (select 'a' as id, 'T.' as text, 'Who?' as question) to '" + file + "'");
    }
  }

  @Test
  void aRunThatFailsSaysOfWhatItFailedMost() throws IOException {
    Path input = JobHarness.corpus(folder, 3);
    Ended ended = run(input, "--question", " ", "--selectors=all");
    assertThat(ended.code()).isEqualTo(ExitCode.TOO_MANY_ERRORS);
    assertThat(ended.out())
        .contains("3 of 3 rows are error rows", "EMPTY_QUESTION (3 rows)", "doc-");
    Path nameless =
        file("nameless.jsonl", "{\"id\": null, \"text\": \"T.\", \"question\": \"Who?\"}\n");
    Ended missing = JobHarness.run(nameless, folder.resolve("missing"), "--selectors=all");
    assertThat(missing.out())
        .contains("(1 row); a document without an id: ")
        .doesNotContain(": null");
  }
}
