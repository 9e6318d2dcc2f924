package dev.questspark.job;

import static dev.questspark.job.JobHarness.query;
import static dev.questspark.job.JobHarness.table;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.job.JobHarness.Ended;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs that prefill chosen tokens of each document. */
@Tag("spark")
class SelectivePrefillJobTest {
  @TempDir Path folder;

  @Test
  void rowsSayWhatWasReadAndKept() throws IOException {
    Path output = folder.resolve("out");
    Ended ended =
        JobHarness.run(
            JobHarness.corpus(folder, 4),
            output,
            "--cache-policy",
            "selective(keep=0.2, chunk=16)",
            "--policies",
            "dense");
    assertThat(ended.err()).isEmpty();
    assertThat(ended.code()).isZero();
    // The demo's four layers: a third of them, rounded up.
    String policy = CachePolicy.parse("selective(keep=0.2, chunk=16)").forModel(4).text();
    assertThat(policy).contains("layers=2");
    assertThat(ended.out()).contains("cache_policy " + policy, "This is not lossless");
    String answers = table(output, "answers");
    assertThat(query("select distinct cache_policy, status from " + answers))
        .containsExactly(policy + "|ok");
    assertThat(
            query(
                "select count(*) from "
                    + answers
                    + " where doc_id = 'doc-3' and (kept_tokens >= prompt_tokens"
                    + " or read_tokens <= prompt_tokens or reading_ms <= 0"
                    + " or queue_ms + reading_ms + prefill_ms > ttft_ms + 1)"))
        .containsExactly("0");
    // One reading and one prefill serve both questions of a document.
    assertThat(
            query(
                "select count(distinct read_tokens), max(cached_tokens) > 0 from "
                    + answers
                    + " where doc_id = 'doc-3'"))
        .containsExactly("1|true");
    assertThat(query("select sum(prefill_tokens) from " + table(output, "steps")))
        .isEqualTo(query("select any_value(prefill_tokens) from " + table(output, "stats")));
    assertThat(query("select sum(reading_tokens) from " + table(output, "steps")))
        .isEqualTo(
            query(
                "select sum(read) from (select doc_id, max(read_tokens) as read from "
                    + answers
                    + " group by doc_id)"));
  }

  @Test
  void anEvaluationReadsADocumentOnceForAllPolicies() throws IOException {
    Path input = folder.resolve("reports.jsonl");
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 90; i++) {
      text.append("Call me Ishmael, said captain %d of the ship. ".formatted(i * 37 % 89));
    }
    Files.writeString(input, "{\"id\": \"a\", \"text\": \"%s\"}\n".formatted(text));
    Path output = folder.resolve("out");
    List<String> args =
        new ArrayList<>(
            List.of(
                "--suite=divergence",
                "--input=" + input,
                "--prefix-tokens=400",
                "--window-tokens=8",
                "--windows=2",
                "--policies=dense",
                "--cache-policies=selective(keep=0.2, layers=2, chunk=16)",
                "--cache-policies=selective(keep=0.5, layers=2, chunk=16, positions=compacted)",
                "--cache-policies=selective(keep=0.2, layers=1, chunk=16)"));
    Ended ended = JobHarness.eval(output, args.toArray(String[]::new));
    assertThat(ended.code()).as(ended.err() + ended.out()).isZero();
    String quality = table(output, "quality");
    assertThat(
            query(
                "select cache_policy = 'none', read_tokens, kept_tokens < prompt_tokens, count(*)"
                    + " from "
                    + quality
                    + " group by all order by all"))
        .containsExactly("false|400|true|6", "true|0|false|2");
    assertThat(query("select sum(reading_tokens) from " + table(output, "steps")))
        .as("two windows, whatever the number of policies")
        .containsExactly("800");
    assertThat(
            query(
                "select count(tokens_kept_share), max(tokens_kept_share) < 0.6 from "
                    + table(output, "stats")))
        .containsExactly("3|true");
    assertThat(Files.readString(output.resolve("report.html"))).contains("of the tokens kept");

    List<String> before = query("select * from " + quality + " order by all");
    args.add("--cache-policies=selective(keep=0.3, layers=1, chunk=16)");
    Ended more = JobHarness.eval(output, args.toArray(String[]::new));
    assertThat(more.code()).as(more.err()).isZero();
    assertThat(
            query("select * from " + quality + " where cache_policy not like '%0.3%' order by all"))
        .isEqualTo(before);
    Files.delete(firstCell(output, "keep=0.5"));
    assertThat(JobHarness.eval(output, args.toArray(String[]::new)).code()).isZero();
    assertThat(
            query("select * from " + quality + " where cache_policy not like '%0.3%' order by all"))
        .as("a cell that reads alone comes to the same")
        .isEqualTo(before);
  }

  private static Path firstCell(Path output, String policy) throws IOException {
    try (var files = Files.list(output.resolve("cells"))) {
      for (Path file : files.sorted().toList()) {
        if (file.toString().endsWith(".json") && Files.readString(file).contains(policy)) {
          return file;
        }
      }
    }
    throw new AssertionError("no cell of " + policy);
  }

  /** The demo's model with fewer layers: the same tokens. */
  private Path reader(int layers) throws IOException {
    Path reader = Files.createDirectories(folder.resolve("reader-" + layers));
    try (var files = Files.list(JobHarness.MODEL)) {
      for (Path file : files.toList()) {
        Files.copy(file, reader.resolve(file.getFileName()));
      }
    }
    Path config = reader.resolve("config.json");
    JsonObject fields = JsonParser.parseString(Files.readString(config)).getAsJsonObject();
    fields.addProperty("num_hidden_layers", layers);
    Files.writeString(config, fields.toString());
    return reader;
  }

  @Test
  void aSecondModelReads() throws IOException {
    Path corpus = JobHarness.corpus(folder, 4);
    Path output = folder.resolve("out");
    List<String> args =
        new ArrayList<>(
            List.of(
                "--cache-policy=selective(keep=0.2, chunk=16, reader=model)",
                "--policies=dense",
                "--reading-documents=2",
                "--reader-model=" + reader(2)));
    Ended ended = JobHarness.run(corpus, output, args.toArray(String[]::new));
    assertThat(ended.code()).as(ended.err()).isZero();
    String answers = table(output, "answers");
    assertThat(
            query(
                "select distinct cache_policy like '%reader=model, layers=2%', status,"
                    + " union_share < 0.8, read_tokens > prompt_tokens from "
                    + answers
                    + " where doc_id = 'doc-3'"))
        .containsExactly("true|ok|true|true");
    assertThat(Files.readString(output.resolve("run.json")))
        .contains("\"reader_model_fingerprint\": \"", "\"the reader model\": \"");
    List<String> before = query("select * from " + answers + " order by all");
    args.add("--resume");
    Ended again = JobHarness.run(corpus, output, args.toArray(String[]::new));
    assertThat(again.code()).as(again.err()).isZero();
    assertThat(query("select * from " + answers + " order by all")).isEqualTo(before);
    args.set(3, "--reader-model=" + reader(3));
    Ended other = JobHarness.run(corpus, output, args.toArray(String[]::new));
    assertThat(other.code()).as("answers of another reader are not this one's").isEqualTo(2);
    assertThat(other.err()).contains("the reader model");
  }

  /** Its characters alone do not say so: with positions counted anew only what is kept must fit. */
  @Test
  void aTextFarBeyondTheContextIsReadWhereWhatIsKeptFits() throws IOException {
    Path corpus = folder.resolve("long.jsonl");
    Files.write(
        corpus,
        List.of(
            line("long", " themselves".repeat(24_000)),
            line("longer", " themselves".repeat(33_000)),
            line("chunk", "The gate code of the silver otter is 41234.")));
    Path output = folder.resolve("out");
    Ended ended =
        JobHarness.run(
            corpus,
            output,
            "--cache-policy=selective(keep=0.02, reader=model, positions=compacted)",
            "--policies=dense",
            "--max-model-len=1024",
            "--kv-cache-memory-bytes=160m",
            "--reader-model=" + reader(2));
    assertThat(ended.code()).as(ended.err()).isZero();
    assertThat(
            query(
                "select doc_id, status, error_code, prompt_tokens > 24000, kept_tokens < 600,"
                    + " kept_tokens = prompt_tokens from "
                    + table(output, "answers")
                    + " order by doc_id"))
        .containsExactly(
            "chunk|ok|null|false|true|true",
            "long|ok|null|true|true|false",
            "longer|error|TOO_LONG|null|null|null");
    assertThat(
            query(
                "select error_message from "
                    + table(output, "answers")
                    + " where doc_id = 'longer'"))
        .singleElement()
        .asString()
        .contains("to read");
  }

  /** The same text in fewer, longer chunks, of which what is kept fits; combined as a whole. */
  @Test
  void aChunkOfMapReduceHoldsWhatTheReaderReads() throws IOException {
    Path corpus = folder.resolve("long.jsonl");
    Files.write(corpus, List.of(line("long", " themselves".repeat(9_000))));
    Path reader = reader(2);
    String policy = "selective(keep=0.2, reader=model, positions=compacted)";
    List<String> chunks = new ArrayList<>();
    for (String cachePolicy : List.of("none", policy)) {
      Path output = folder.resolve("out-" + chunks.size());
      List<String> args =
          new ArrayList<>(
              List.of(
                  "--cache-policy=" + cachePolicy,
                  "--policies=dense",
                  "--on-too-long=map_reduce",
                  "--max-tokens=8",
                  "--max-model-len=1024",
                  "--kv-cache-memory-bytes=160m"));
      if (cachePolicy.equals(policy)) {
        args.add("--reader-model=" + reader);
      }
      Ended ended = JobHarness.run(corpus, output, args.toArray(String[]::new));
      assertThat(ended.code()).as(ended.err()).isZero();
      String answers = table(output, "answers");
      chunks.addAll(query("select num_chunks from " + answers));
      assertThat(query("select status, reduce_levels from " + answers)).containsExactly("ok|1");
      assertThat(ended.out().contains("A chunk of map_reduce may be longer than max_model_len"))
          .isEqualTo(cachePolicy.equals(policy));
    }
    assertThat(chunks).containsExactly("10", "2");
  }

  private static String line(String id, String text) {
    return "{\"id\": \"%s\", \"text\": \"%s\", \"question\": \"Who?\"}".formatted(id, text);
  }

  @Test
  void whatCannotReadIsRefusedInOneSentence() throws IOException {
    Path corpus = JobHarness.corpus(folder, 1);
    Path reader = reader(2);
    Path tokenizer = reader.resolve("tokenizer.json");
    JsonObject changed = JsonParser.parseString(Files.readString(tokenizer)).getAsJsonObject();
    changed.addProperty("normalizer", "another");
    Files.writeString(tokenizer, changed.toString());
    String policy = "--cache-policy=selective(reader=model)";
    assertRefused(corpus, "--reader-model names none", policy);
    assertRefused(corpus, "no cache_policy reads with it", "--reader-model=" + reader);
    assertRefused(corpus, "they differ in normalizer", policy, "--reader-model=" + reader);
    assertRefused(corpus, "nowhere does not exist", policy, "--reader-model=/nowhere");
    assertRefused(corpus, "layers is 9, but the model has 4", "--cache-policy=selective(layers=9)");
    for (String keep : List.of("0", "1.5", "-0.1")) {
      assertRefused(corpus, "keep", "--cache-policy=selective(keep=" + keep + ")");
    }
  }

  private void assertRefused(Path corpus, String sentence, String... args) {
    Ended ended = JobHarness.run(corpus, folder.resolve("out"), args);
    assertThat(ended.code()).as(ended.out()).isEqualTo(2);
    assertThat(ended.err().strip()).contains(sentence);
    assertThat(ended.err().strip().lines()).hasSize(1);
  }

  @Test
  void anAnswerThatIsGivenAgainCountsTheQuestionsThatNeedNone() throws IOException {
    Path corpus = JobHarness.corpus(folder, 4);
    Path output = folder.resolve("out");
    List<String> args =
        new ArrayList<>(
            List.of("--cache-policy=selective(keep=0.2, chunk=16)", "--policies=dense"));
    Ended ended = JobHarness.run(corpus, output, args.toArray(String[]::new));
    assertThat(ended.code()).as(ended.err()).isZero();
    String rows =
        "select doc_id, question_id, output_text, kept_tokens, read_tokens, union_share from "
            + table(output, "answers")
            + " order by all";
    List<String> before = query(rows);
    lose(output, "doc_id = 'doc-3' and question_id = 0");
    args.add("--resume");
    Ended resumed = JobHarness.run(corpus, output, args.toArray(String[]::new));
    assertThat(resumed.code()).as(resumed.err()).isZero();
    assertThat(resumed.out()).contains("7 rows were found finished");
    assertThat(query(rows)).isEqualTo(before);
  }

  /** Takes rows out of the answers' one file. */
  private static void lose(Path output, String rows) throws IOException {
    try (var files = Files.list(output.resolve("answers"))) {
      for (Path file : files.filter(it -> it.toString().endsWith(".parquet")).toList()) {
        Path left = output.resolve("left.parquet");
        String kept = "select * from read_parquet('" + file + "') where not (" + rows + ")";
        try (Connection duck = DriverManager.getConnection("jdbc:duckdb:")) {
          duck.createStatement().execute("copy (" + kept + ") to '" + left + "' (format parquet)");
        } catch (SQLException wrong) {
          throw new AssertionError(kept, wrong);
        }
        Files.move(left, file, StandardCopyOption.REPLACE_EXISTING);
        Files.deleteIfExists(file.resolveSibling("." + file.getFileName() + ".crc"));
      }
    }
  }

  @Test
  void aControlAnswersNobody() throws IOException {
    Ended ended =
        JobHarness.run(
            JobHarness.corpus(folder, 1),
            folder.resolve("out"),
            "--cache-policy",
            "truncate_middle(keep=0.5)");
    assertThat(ended.code()).isEqualTo(2);
    assertThat(ended.err()).contains("truncate_middle", "is a control for eval and sweep");
  }
}
