package dev.questspark.job;

import static dev.questspark.job.JobHarness.query;
import static dev.questspark.job.JobHarness.table;
import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.JobHarness.Ended;
import dev.questspark.job.options.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Sweeps and evaluations of documents that do not fit into the context. */
@Tag("spark")
class TooLongForMeasurementTest {
  @TempDir Path folder;

  /** Four documents of which the last two exceed the context. */
  private Ended measure(String command, Path output, String... more) throws IOException {
    List<String> args =
        new ArrayList<>(
            List.of(
                "--command=" + command,
                "--answer-col=answer",
                "--kv-budgets=48",
                "--sparse-skip-layers=0",
                "--max-num-seqs=2",
                "--max-model-len=240"));
    args.addAll(List.of(more));
    return JobHarness.run(JobHarness.corpus(folder, 4), output, args.toArray(String[]::new));
  }

  @Test
  void aSweepMakesErrorRowsOfThemAndSaysSo() throws IOException {
    Path output = folder.resolve("out");
    Ended ended = measure("sweep", output, "--speed-tokens=6");
    assertThat(ended.code()).as(ended.err() + ended.out()).isZero();
    String quality = table(output, "quality");
    assertThat(
            query(
                "select doc_id, status, error_code, count(*), max(dropped_tokens), count(score) from "
                    + quality
                    + " group by all order by all"))
        .containsExactly(
            "doc-0|ok|null|4|0|4",
            "doc-1|ok|null|4|0|4",
            "doc-2|error|TOO_LONG|4|0|0",
            "doc-3|error|TOO_LONG|4|0|0");
    assertThat(query("select distinct doc_id from " + table(output, "speed") + " order by all"))
        .containsExactly("doc-0", "doc-1");
    String said =
        "8 of 16 answers are errors and have no score (TOO_LONG 8), such as that of doc-2: ";
    assertThat(ended.out()).contains(said, "exceed max_model_len 240", "truncate_middle", "errors");
    assertThat(Files.readString(output.resolve("report.html"))).contains(said);

    Ended strict = measure("sweep", output, "--speed-tokens=6", "--max-error-rate=0.4");
    assertThat(strict.code()).isEqualTo(ExitCode.TOO_MANY_ERRORS);
    assertThat(strict.out())
        .contains("8 of 16 rows are error rows, more than --max-error-rate 0.4");
  }

  @Test
  void truncateMiddleIsCountedAndSaid() throws IOException {
    Path output = folder.resolve("out");
    Ended ended = measure("eval", output, "--on-too-long=truncate_middle");
    assertThat(ended.code()).as(ended.err() + ended.out()).isZero();
    assertThat(
            query(
                "select doc_id, max(dropped_tokens) > 0, max(prompt_tokens) <= 240 - 8 from "
                    + table(output, "quality")
                    + " where status = 'ok' group by all order by all"))
        .containsExactly(
            "doc-0|false|true", "doc-1|false|true", "doc-2|true|true", "doc-3|true|true");
    String dropped =
        query(
                "select sum(tokens) from (select max(dropped_tokens) tokens from "
                    + table(output, "quality")
                    + " group by doc_id)")
            .get(0);
    String said =
        "2 of 4 documents did not fit into max_model_len and lost their middle, "
            + dropped
            + " tokens in all";
    assertThat(ended.out()).contains(said);
    assertThat(Files.readString(output.resolve("report.html"))).contains(said);
  }

  @Test
  void nothingIsMeasuredOfLengthsWithoutRoom() throws IOException {
    Path output = folder.resolve("out");
    for (String suite : List.of("passkey_facts", "needle", "variable_tracking", "perplexity")) {
      List<String> args = new ArrayList<>(List.of("--suite=" + suite, "--lengths=100,100000"));
      if (!suite.equals("passkey_facts")) {
        args.add("--input=" + JobHarness.corpus(folder, 1));
      }
      Ended ended = JobHarness.eval(output, args.toArray(String[]::new));
      assertThat(ended.code()).as(suite).isEqualTo(ExitCode.REFUSED);
      assertThat(ended.err())
          .contains("--lengths has 100000", "max_model_len 1024", "give lengths of at most ");
    }
    assertThat(output.resolve("suite.jsonl")).doesNotExist();
  }

  @Test
  void longBenchCutsAsItsProtocolHasItUnlessToldNotTo() throws IOException {
    Path data = Files.createDirectory(folder.resolve("longbench"));
    String context = "It was a grey morning and nobody spoke on deck. ".repeat(60);
    Files.writeString(
        data.resolve("qasper.jsonl"),
        "{\"input\": \"Who?\", \"context\": \"%s\", \"answers\": [\"Nobody\"], \"all_classes\": null}\n"
            .formatted(context));
    Files.writeString(
        data.resolve("dataset2prompt.json"), "{\"qasper\": \"{context} Answer {input}\"}");
    String[] args = {
      "--suite=longbench", "--input=" + data, "--kv-budgets=48", "--max-model-len=400"
    };
    Path output = folder.resolve("out");
    Ended cut = JobHarness.eval(output, args);
    assertThat(cut.code()).as(cut.err()).isZero();
    assertThat(cut.out())
        .contains("Suite longbench cuts the middle", "1 of 1 documents did not fit", "LongBench's");
    assertThat(query("select min(dropped_tokens) > 0 from " + table(output, "quality")))
        .containsExactly("true");

    String[] told = java.util.Arrays.copyOf(args, args.length + 1);
    told[args.length] = "--on-too-long=error";
    Ended refused = JobHarness.eval(output, told);
    assertThat(refused.code()).isEqualTo(ExitCode.TOO_MANY_ERRORS);
    assertThat(query("select distinct error_code from " + table(output, "quality")))
        .containsExactly("TOO_LONG");
    assertThat(Files.readString(output.resolve("report.html")))
        .contains("No budget is recommended: no question was answered.");
  }
}
