package dev.questspark.job;

import static dev.questspark.job.JobHarness.query;
import static dev.questspark.job.JobHarness.table;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import dev.questspark.job.JobHarness.Ended;
import dev.questspark.job.options.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Documents far beyond the window, in parts, level by level; read back with DuckDB and Spark. */
@Tag("spark")
class MapReduceJobTest {
  private static final int CHAPTERS = 40;
  private static final String LONG_CHAPTER = "# Chapter 7 🐋";
  private static final Path PROMPTS = Path.of("..", "conf", "prompts").toAbsolutePath().normalize();
  private static final String[] OPTIONS = {
    "--selectors=all,quest",
    "--kv-budgets=64",
    "--on-too-long=map_reduce",
    "--chunk-tokens=120",
    "--ignore-eos"
  };

  @TempDir Path folder;

  private static String chapter(int number) {
    int sentences = number == 7 ? 24 : 6;
    return "# Chapter %d%s\n\n%sThe gate code of hall %d is 4%04d.\n\n"
        .formatted(
            number,
            number == 7 ? " 🐋" : "",
            "It was a grey morning and nobody spoke on deck. ".repeat(sentences),
            number,
            37 * number);
  }

  private static String line(String id, String text, String question) {
    JsonObject document = new JsonObject();
    document.addProperty("id", id);
    document.addProperty("text", text);
    document.addProperty("question", question);
    return document + "\n";
  }

  private static String book(int chapters) {
    StringBuilder book = new StringBuilder("A preface without a heading, and a 🐋.\n\n");
    for (int i = 1; i <= chapters; i++) {
      book.append(chapter(i));
    }
    return book.toString();
  }

  private Path books(int chapters) throws IOException {
    Path input = folder.resolve("books.jsonl");
    Files.writeString(
        input,
        line("book", book(chapters), "What is the gate code of hall 3?")
            + line("whole", chapter(1), "What is the gate code of hall 1?")
            + line("other", new StringBuilder(book(6)).reverse().toString(), "Is it readable?"));
    return input;
  }

  private static String[] with(String[] options, String... more) {
    String[] all = java.util.Arrays.copyOf(options, options.length + more.length);
    System.arraycopy(more, 0, all, options.length, more.length);
    return all;
  }

  /** A window of few chapters. */
  private static Ended run(Path input, Path output, String... options) {
    String[] args = JobHarness.arguments(input, output, options);
    args[List.of(args).indexOf("--max-model-len") + 1] = "400";
    if (List.of(options).contains("--task=summarize")) {
      args[List.of(args).indexOf("--prompt-template") + 1] =
          PROMPTS.resolve("summarize.txt").toString();
    }
    return JobHarness.runWith(args);
  }

  private static List<String> content(Path output) {
    return query(
        "select doc_id, question_id, policy, status, output_text, prompt_tokens,"
            + " completion_tokens, num_chunks, reduce_levels, sources::varchar from "
            + table(output, "answers")
            + " order by all");
  }

  /** Each chunk of each row beside its text, cut out of the input by DuckDB. */
  private static String chunks(Path input, Path output) {
    return "(select *, substring(text, source.start_char_index + 1,"
        + " source.end_char_index - source.start_char_index) as chunk"
        + " from (select doc_id, policy, unnest(sources) as source,"
        + " generate_subscripts(sources, 1) as number, num_chunks from "
        + table(output, "answers")
        + ") join (select id, text from read_json('"
        + input
        + "')) on id = doc_id)";
  }

  @Test
  void partsOfABookAreCombinedLevelByLevelAndRecorded() throws IOException {
    Path input = books(CHAPTERS);
    Path output = folder.resolve("out");
    Ended ended = run(input, output, with(OPTIONS, "--partitions=1"));
    assertThat(ended.code()).as(ended.err()).isZero();

    assertThat(
            query(
                "select doc_id, status, num_chunks > 5, reduce_levels, len(sources) = num_chunks,"
                    + " completion_tokens >= 8 * (num_chunks + reduce_levels), count(*) from "
                    + table(output, "answers")
                    + " group by all order by all"))
        .containsExactly(
            "book|ok|true|2|true|true|2",
            "other|ok|true|1|true|true|2",
            "whole|ok|false|0|null|true|2");
    String chunks = chunks(input, output);
    assertThat(
            query(
                "select doc_id, string_agg(chunk, '' order by number) = any_value(text),"
                    + " max(source.tokens) <= 120, min(source.tokens) > 0,"
                    + " bool_and(length(source.output_text) > 0) from "
                    + chunks
                    + " group by doc_id, policy order by all"))
        .containsExactly(
            "book|true|true|true|true",
            "book|true|true|true|true",
            "other|true|true|true|true",
            "other|true|true|true|true");
    // a section that fits stands in one chunk, under its own heading; the long one has chunks of
    // its own
    assertThat(
            query(
                "select count(*), count(distinct source.headings[1]), bool_and("
                    + "chunk like '# ' || source.headings[1] || '%The gate code%.\n\n'), "
                    + "max(len(source.headings)) from "
                    + chunks
                    + " where doc_id = 'book' and policy = 'dense' and number > 1"
                    + " and source.headings[1] not like '%🐋'"))
        .containsExactly((CHAPTERS - 1) + "|" + (CHAPTERS - 1) + "|true|1");
    assertThat(
            query(
                "select count(*) > 2, min(chunk) like '# Chapter 7%' from "
                    + chunks
                    + " where doc_id = 'book' and policy = 'dense'"
                    + " and '# ' || source.headings[1] = '"
                    + LONG_CHAPTER
                    + "'"))
        .containsExactly("true|true");

    List<Row> bySpark =
        TestSpark.session()
            .read()
            .parquet(output.resolve("answers").toString())
            .selectExpr("doc_id", "policy", "inline(sources)")
            .selectExpr("count(output_text)", "sum(tokens)", "sum(size(headings))")
            .collectAsList();
    assertThat(bySpark.get(0).mkString("|"))
        .isEqualTo(
            query(
                    "select count(source.output_text), sum(source.tokens),"
                        + " sum(len(source.headings)) from "
                        + chunks)
                .get(0));

    Path again = folder.resolve("again");
    assertThat(run(input, again, with(OPTIONS, "--partitions=3", "--max-num-seqs=3")).code())
        .isZero();
    assertThat(content(again)).isEqualTo(content(output));
  }

  @Test
  void summariesOverlapInsideLongSectionsOnly() throws IOException {
    Path input = books(CHAPTERS);
    Path output = folder.resolve("out");
    Ended ended =
        run(
            input,
            output,
            with(
                OPTIONS,
                "--task=summarize",
                "--chunk-overlap-tokens=20",
                "--combine-template=" + PROMPTS.resolve("summarize-combine.txt")));
    assertThat(ended.code()).as(ended.err()).isZero();
    assertThat(
            query(
                "select status, question, reduce_levels from "
                    + table(output, "answers")
                    + " where doc_id = 'book'"))
        .containsExactly("ok|null|2", "ok|null|2");
    assertThat(
            query(
                "select heading, count(*) > 1 from (select source.headings[1] as heading,"
                    + " source.start_char_index < lag(source.end_char_index)"
                    + " over (order by number) as repeats from "
                    + chunks(input, output)
                    + " where doc_id = 'book' and policy = 'dense') where repeats"
                    + " group by all"))
        .containsExactly(LONG_CHAPTER.substring(2) + "|true");
  }

  @Test
  void withoutRoomTheRowSaysWhatWasRead() throws IOException {
    Path input = books(6);
    Files.writeString(
        input,
        Files.readString(input)
            + line("asked", "many words ".repeat(900), "long question ".repeat(700)));
    Path output = folder.resolve("out");
    String[] options = {
      "--selectors=all",
      "--on-too-long=map_reduce",
      "--chunk-tokens=9",
      "--ignore-eos",
      "--max-error-rate=1"
    };
    assertThat(run(input, output, options).code()).isZero();
    String rows =
        "select doc_id, status, error_code, num_chunks > 0, reduce_levels, len(sources) ="
            + " num_chunks, regexp_extract(error_message, 'are as long|leave no room') from "
            + table(output, "answers")
            + " order by all";
    assertThat(query(rows))
        .containsExactly(
            "asked|error|TOO_LONG|false|0|null|leave no room",
            "book|error|TOO_LONG|true|1|true|are as long",
            "other|error|TOO_LONG|true|1|true|are as long",
            "whole|ok|null|true|0|null|null");
    assertThat(
            query(
                "select count(*) > 0, count(*) = count(source.output_text) from "
                    + chunks(input, output)))
        .containsExactly("true|true");
  }

  @Test
  void answersWithoutTheColumnsAreNotMixedWithNewOnes() throws IOException {
    Path input = JobHarness.corpus(folder, 1);
    Path output = folder.resolve("out");
    assertThat(JobHarness.run(input, output, "--selectors=all").code()).isZero();
    Path old = folder.resolve("old");
    TestSpark.session()
        .read()
        .parquet(output.resolve("answers").toString())
        .drop("reduce_levels", "sources")
        .write()
        .parquet(old.toString());
    for (Path file : parquet(output.resolve("answers"))) {
      Files.delete(file);
    }
    for (Path file : parquet(old)) {
      Path named = output.resolve("answers/part-20260101-000000-abcd-" + file.getFileName());
      Files.move(file, named);
    }
    for (String way : List.of("--resume", "--mode=append")) {
      Ended refused = JobHarness.run(input, output, "--selectors=all", way);
      assertThat(refused.code()).as(way).isEqualTo(ExitCode.REFUSED);
      assertThat(refused.err())
          .contains("without the columns reduce_levels, sources", "--mode overwrite");
    }
    assertThat(JobHarness.run(input, output, "--selectors=all", "--mode=overwrite").code())
        .isZero();
  }

  private static List<Path> parquet(Path folder) throws IOException {
    try (var files = Files.list(folder)) {
      return files.filter(file -> file.toString().endsWith(".parquet")).toList();
    }
  }
}
