package dev.questspark.job;

import static dev.questspark.job.JobHarness.query;
import static dev.questspark.job.JobHarness.table;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.job.JobHarness.Ended;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Sweeps and evaluations as whole jobs; their tables read back by DuckDB. */
@Tag("spark")
class MeasureJobTest {
  private static final Pattern CELL =
      Pattern.compile("<td data-column=\"([a-z_]+)\" data-value=\"([^\"]+)\">");
  private static final Pattern ROW = Pattern.compile("<tr data-policy=\"([^\"]+)\">(.*?)</tr>");

  @TempDir Path folder;

  private Ended sweep(Path input, Path output, String... more) {
    List<String> args =
        new ArrayList<>(
            List.of(
                "--command=sweep",
                "--answer-col=answer",
                "--selectors=quest,sink_recent",
                "--page-scores=minmax,meanstd",
                "--kv-budgets=64,128",
                "--sparse-skip-layers=0",
                "--max-num-seqs=4",
                "--repetitions=2",
                "--speed-tokens=6"));
    args.addAll(List.of(more));
    return JobHarness.run(input, output, args.toArray(String[]::new));
  }

  @Test
  void aSweepEndsInOnePageWhoseNumbersAreTheTables() throws IOException {
    Path output = folder.resolve("out");
    Ended ended = sweep(JobHarness.corpus(folder, 4), output);
    assertThat(ended.code()).as(ended.err() + ended.out()).isZero();
    assertThat(ended.out()).contains("4 to measure, 0 found", output + "/report.html");

    String quality = table(output, "quality");
    String speed = table(output, "speed");
    // dense, and two budgets of quest with two scores and of sink_recent
    assertThat(query("select count(*), count(distinct (doc_id, question_id)) from " + quality))
        .containsExactly("56|8");
    assertThat(query("select count(*), min(batch), max(batch) from " + speed))
        .containsExactly("56|4|4");
    assertThat(query("select count(*) from " + speed + " where kv_bytes_read > kv_bytes_dense"))
        .containsExactly("0");

    Map<String, Map<String, Double>> page = pageNumbers(output);
    assertThat(page).hasSize(7);
    check(page, "score", "select avg(score) from " + quality, quality);
    check(page, "token_agreement", "select avg(token_agreement) from " + quality, quality);
    check(
        page,
        "kv_read_share",
        "select sum(kv_bytes_read) / sum(kv_bytes_dense) from " + speed,
        speed);
    check(page, "tpot_ms", "select sum(decode_ms) / sum(new_tokens - 1) from " + speed, speed);
    check(
        page,
        "decode_throughput",
        "select exp(avg(ln(rate))) from (select sum(batch * (new_tokens - 1)) / (sum(decode_ms) / 1e3) rate from "
            + speed
            + " where %s group by repetition)",
        null);
    check(
        page,
        "documents_per_hour",
        "select count(*) * 3.6e6 / sum(prefill_ms + question_ms + decode_ms) from " + speed,
        speed);
    check(
        page,
        "score_minus_dense",
        "select avg(q.score - d.score) from "
            + quality
            + " q join "
            + quality
            + " d on q.doc_id = d.doc_id and q.question_id = d.question_id and d.policy = 'dense'"
            + " where q.%s",
        null);
    String selection = table(output, "selection");
    // six sparse policies, four documents, 4 layers x 4 heads
    assertThat(
            query(
                "select count(*), count(distinct doc_id), count(distinct (layer, head)), min(rows) >= 8 from "
                    + selection))
        .containsExactly("384|4|16|true");
    check(
        page,
        "attention_mass",
        "select avg(mass) from (select avg(attention_mass) mass from "
            + selection
            + " where %s group by doc_id)",
        null);
    check(
        page,
        "top_token_recall",
        "select avg(recall) from (select avg(top_token_recall) recall from "
            + selection
            + " where %s group by doc_id)",
        null);
    String html = Files.readString(output.resolve("report.html"));
    assertThat(html.split("<div class=\"plot\"")).hasSize(11);
    assertThat(html)
        .as("two repetitions")
        .contains("No interval: --repetitions 2")
        .doesNotContain("data-column=\"decode_throughput_low\"");
    // all but Vega and what starts it
    assertThat(html.replaceAll("(?s)<script>.*?</script>", ""))
        .doesNotContain("<script>", "http://", "https://", "src=", "NaN", "Infinity");
  }

  private static Map<String, Map<String, Double>> pageNumbers(Path output) throws IOException {
    Map<String, Map<String, Double>> rows = new HashMap<>();
    Matcher row = ROW.matcher(Files.readString(output.resolve("report.html")));
    while (row.find()) {
      Map<String, Double> cells = new HashMap<>();
      Matcher cell = CELL.matcher(row.group(2));
      while (cell.find()) {
        cells.put(cell.group(1), Double.valueOf(cell.group(2)));
      }
      rows.put(row.group(1), cells);
    }
    return rows;
  }

  /**
   * The page's number of every policy against another reader's arithmetic over the measurements.
   */
  private static void check(
      Map<String, Map<String, Double>> page, String column, String sql, String table) {
    check(page, column, sql, table, 6);
  }

  private static void check(
      Map<String, Map<String, Double>> page, String column, String sql, String table, int least) {
    int compared = 0;
    for (Map.Entry<String, Map<String, Double>> row : page.entrySet()) {
      if (row.getValue().containsKey(column)) {
        String policy = "%spolicy = '" + row.getKey() + "'";
        boolean joined = sql.contains("q.%s");
        String where = policy.replace("%s", joined ? "q." : "");
        String full =
            table != null ? sql + " where " + where : sql.replace(joined ? "q.%s" : "%s", where);
        double expected = Double.parseDouble(query(full).get(0));
        assertThat(row.getValue().get(column))
            .as("%s of %s", column, row.getKey())
            .isCloseTo(expected, within(1e-9 * Math.max(1, Math.abs(expected))));
        compared++;
      }
    }
    assertThat(compared).as(column).isGreaterThanOrEqualTo(least);
  }

  @Test
  void anInterruptedSweepGoesOnWhereItStopped() throws IOException {
    Path input = JobHarness.corpus(folder, 4);
    Path output = folder.resolve("out");
    assertThat(sweep(input, output).code()).isZero();
    List<String> answers = answers(output);
    // seven policies' answers each; speed and the selection study together
    assertThat(cells(output)).hasSize(4 * 8);
    List<Path> kept = cells(output, "doc-0");
    // what a killed run leaves: some cells, half a file under another name, no tables
    for (Path cell : cells(output, "doc-1")) {
      Files.delete(cell);
    }
    Path one = cells(output, "doc-2").get(0);
    Files.delete(one);
    Files.writeString(output.resolve("cells/." + one.getFileName() + ".7"), "{\"doc_");
    List<FileTime> times = times(kept);

    Ended again = sweep(input, output);
    assertThat(again.code()).as(again.err()).isZero();
    assertThat(again.out()).contains("2 to measure, 2 found finished");
    assertThat(times(kept)).isEqualTo(times);
    assertThat(answers(output)).isEqualTo(answers);

    Ended other = sweep(input, output, "--speed-tokens=7");
    assertThat(other.out()).contains("4 to measure, 0 found finished");
  }

  private static List<Path> cells(Path output) throws IOException {
    try (var files = Files.list(output.resolve("cells"))) {
      return files.filter(file -> file.toString().endsWith(".json")).sorted().toList();
    }
  }

  /** Those of a document. */
  private static List<Path> cells(Path output, String docId) throws IOException {
    List<Path> cells = new ArrayList<>();
    for (Path cell : cells(output)) {
      if (Files.readString(cell).startsWith("{\"doc_id\":\"" + docId + "\"")) {
        cells.add(cell);
      }
    }
    return cells;
  }

  private static List<FileTime> times(List<Path> files) throws IOException {
    List<FileTime> times = new ArrayList<>();
    for (Path file : files) {
      times.add(Files.getLastModifiedTime(file));
    }
    return times;
  }

  private static List<String> answers(Path output) {
    return query(
        "select doc_id, question_id, policy, cache_policy, kv_budget, prediction, score,"
            + " kv_bytes_read from "
            + table(output, "quality")
            + " order by all");
  }

  @Test
  void aBudgetThatCoversTheTextHasDensePerplexityToTheLastDigit() throws IOException {
    Path output = folder.resolve("out");
    Path input = folder.resolve("prose.jsonl");
    Files.writeString(
        input,
        "{\"id\": \"a\", \"text\": \"%s\"}\n"
            .formatted(
                "Call me Ishmael, said the captain of the amber falcon to the old sailor. "
                    .repeat(30)));
    Ended ended =
        JobHarness.eval(
            output,
            "--suite=perplexity",
            "--input=" + input,
            "--prompt-template=" + JobHarness.TEMPLATE,
            "--lengths=300",
            "--selectors=quest,sink_recent",
            "--page-scores=minmax,meanstd",
            "--kv-budgets=48,320",
            "--sparse-skip-layers=0");
    assertThat(ended.code()).as(ended.err()).isZero();
    String quality = table(output, "quality");
    assertThat(
            query(
                "select count(distinct neg_log_likelihood) from "
                    + quality
                    + " where kv_budget is null or kv_budget = 320"))
        .containsExactly("1");
    assertThat(
            query(
                "select count(*) from "
                    + quality
                    + " where kv_budget = 48 and sparse_steps > 200 and neg_log_likelihood > 0"))
        .containsExactly("3");
    assertThat(query("select distinct completion_tokens from " + quality)).containsExactly("299");
    Map<String, Map<String, Double>> page = pageNumbers(output);
    assertThat(page.get(ReadPolicy.parse("quest(budget=320)").text()))
        .containsEntry("perplexity_over_dense", 1.0);
    double ratio =
        Double.parseDouble(
            query(
                    "select exp((q.neg_log_likelihood - d.neg_log_likelihood) / 299) from "
                        + quality
                        + " q join "
                        + quality
                        + " d on d.policy = 'dense' where q.policy = 'sink_recent(budget=48, sink=4)'")
                .get(0));
    assertThat(page.get("sink_recent(budget=48, sink=4)").get("perplexity_over_dense"))
        .isCloseTo(ratio, within(1e-12));
  }

  private Path books() throws IOException {
    Path input = folder.resolve("reports.jsonl");
    StringBuilder lines = new StringBuilder();
    for (String id : List.of("a", "b", "c")) {
      StringBuilder text = new StringBuilder();
      for (int i = 0; i < 90; i++) {
        text.append("Call me Ishmael, said captain %d of ship %s. ".formatted(i * 37 % 89, id));
      }
      lines.append("{\"id\": \"%s\", \"text\": \"%s\"}\n".formatted(id, text));
    }
    lines.append("{\"id\": \"note\", \"text\": \"Too short a note.\"}\n");
    Files.writeString(input, lines);
    return input;
  }

  private static List<String> windows(Path output) {
    return query(
        "select doc_id, policy, kl, same_argmax, neg_log_likelihood, kv_bytes_read from "
            + table(output, "quality")
            + " order by all");
  }

  @Test
  void windowsAreHeldAgainstDenseAttentionAndAKilledRunLosesNone() throws IOException {
    Path output = folder.resolve("out");
    String[] args = {
      "--suite=divergence",
      "--input=" + books(),
      "--prefix-tokens=400",
      "--window-tokens=24",
      "--windows=6",
      "--seed=4",
      "--selectors=quest,sink_recent",
      "--kv-budgets=48,448",
      "--sparse-skip-layers=0"
    };
    Ended ended = JobHarness.eval(output, args);
    assertThat(ended.code()).as(ended.err() + ended.out()).isZero();
    assertThat(ended.out())
        .contains(
            "left out: note: its text has",
            "6 windows of 24 tokens, each after 400: 2,400 tokens to prefill once, 720 rows to feed under 5 policies.",
            "24 x ",
            "--suite passkey");
    String quality = table(output, "quality");
    assertThat(
            query(
                "select count(*), count(distinct doc_id), min(completion_tokens) from " + quality))
        .containsExactly("30|6|24");
    assertThat(
            query(
                "select count(*) from "
                    + quality
                    + " where (kv_budget is null or kv_budget = 448) and kl = 0 and same_argmax = 1"))
        .as("dense, and budgets that cover all")
        .containsExactly("18");
    assertThat(query("select count(*) from " + quality + " where kv_budget = 48 and kl > 0"))
        .containsExactly("12");
    Map<String, Map<String, Double>> page = pageNumbers(output);
    check(page, "kl", "select avg(kl) from " + quality, quality, 5);
    check(page, "same_argmax", "select avg(same_argmax) from " + quality, quality, 5);
    check(
        page,
        "perplexity_over_dense",
        "select exp(avg(q.neg_log_likelihood - d.neg_log_likelihood) / 24) from "
            + quality
            + " q join "
            + quality
            + " d on q.doc_id = d.doc_id and d.policy = 'dense' where q.%s",
        null,
        4);
    assertThat(Files.readString(output.resolve("report.html")))
        .contains(
            "KL from dense by KV budget", "KL from dense by bytes read", "SnapKV", "--max-kl");

    List<String> before = windows(output);
    assertThat(cells(output)).hasSize(6 * 5);
    List<String> windows = query("select distinct doc_id from " + quality + " order by all");
    for (Path cell : cells(output, windows.get(0))) {
      Files.delete(cell);
    }
    // dense attention, which the others are held against, is computed for one of them as well
    Path one = cells(output, windows.get(3)).get(2);
    Files.delete(one);
    Files.writeString(output.resolve("cells/." + one.getFileName() + ".7"), "{\"doc_");
    Ended again = JobHarness.eval(output, args);
    assertThat(again.out()).contains("2 to measure, 4 found finished");
    assertThat(windows(output)).isEqualTo(before);
  }

  @Test
  void aSweepTimesItsWindowsToo() throws IOException {
    Path output = folder.resolve("out");
    Ended ended =
        JobHarness.runWith(
            "--command=sweep",
            "--suite=divergence",
            "--model=" + JobHarness.MODEL,
            "--kv-cache-memory-bytes=64m",
            "--max-model-len=1024",
            "--output=" + output,
            "--input=" + books(),
            "--prefix-tokens=300",
            "--window-tokens=8",
            "--windows=3",
            "--kv-budgets=48,512",
            "--selectors=quest",
            "--max-num-seqs=2",
            "--repetitions=1",
            "--speed-tokens=4",
            "--sparse-skip-layers=0");
    assertThat(ended.code()).as(ended.err() + ended.out()).isZero();
    assertThat(query("select count(*), min(document_tokens) from " + table(output, "speed")))
        .containsExactly("9|300");
    assertThat(query("select count(*), count(kl) from " + table(output, "quality")))
        .containsExactly("9|9");
    assertThat(Files.readString(output.resolve("report.html")))
        .contains("Decode throughput by KV budget", "a budget of 512 tokens has a KL of 0.0000");
  }

  @Test
  void thePasskeyIsFoundWhereQuestLooksAndNotWhereOnlyTheEndsAreKept() throws IOException {
    Path output = folder.resolve("out");
    Ended ended =
        JobHarness.eval(
            output,
            "--suite=passkey_facts",
            "--prompt-template=" + JobHarness.TEMPLATE,
            "--lengths=900",
            "--depths=20,50,80",
            "--samples=4",
            "--selectors=quest,sink_recent",
            "--kv-budgets=128",
            "--sparse-skip-layers=0");
    assertThat(ended.code()).as(ended.err()).isZero();
    String quality = table(output, "quality");
    assertThat(query("select count(*), min(prompt_tokens) > 800 from " + quality))
        .containsExactly("36|true");
    assertThat(
            query(
                "select policy, avg(score) >= 0.9 from " + quality + " group by all order by all"))
        .containsExactly(
            "dense|true",
            ReadPolicy.parse("quest(budget=128)").text() + "|true",
            "sink_recent(budget=128, sink=4)|false");
    assertThat(Files.readString(output.resolve("report.html")))
        .contains("Where it finds the needle", "quest 128: score by length and depth");
  }
}
