package dev.questspark.job;

import static dev.questspark.job.JobHarness.query;
import static dev.questspark.job.JobHarness.table;
import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.JobHarness.Ended;
import dev.questspark.job.options.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Sweeps and evaluations over pairs of a cache policy and a policy of the questions. */
@Tag("spark")
class MeasuredCachePoliciesTest {
  /** Reads so much before a segment that it is dense to the bit. */
  private static final String WIDE = "a_shape(sink=16, recent=1024, segment=64, block=16)";

  private static final String NARROW = "a_shape(sink=16, recent=16, segment=64, block=16)";

  @TempDir Path folder;

  private static Map<Path, FileTime> cells(Path output) throws IOException {
    Map<Path, FileTime> cells = new TreeMap<>();
    try (var files = Files.list(output.resolve("cells"))) {
      for (Path file : files.filter(it -> it.toString().endsWith(".json")).toList()) {
        cells.put(file, Files.getLastModifiedTime(file));
      }
    }
    return cells;
  }

  /** What a kill takes: every third cell; of another a part lies under an unfinished name. */
  private static void kill(Path output) throws IOException {
    int i = 0;
    for (Path cell : cells(output).keySet()) {
      if (i++ % 3 == 0) {
        Files.delete(cell);
        Files.writeString(output.resolve("cells/." + cell.getFileName() + ".7"), "{\"doc_");
      }
    }
  }

  /** Cells that are as they were before. */
  private static void assertKept(Map<Path, FileTime> before, Path output) throws IOException {
    assertThat(before).isNotEmpty();
    assertThat(cells(output)).containsAllEntriesOf(before);
  }

  private static List<String> quality(Path output) {
    return query(
        "select doc_id, question_id, policy, cache_policy, prediction, score, agrees_with_dense,"
            + " token_agreement, neg_log_likelihood, kl, same_argmax, kv_bytes_read,"
            + " prefill_blocks_computed from "
            + table(output, "quality")
            + " order by all");
  }

  @Test
  void windowsAfterEveryPrefillAreHeldAgainstDenseAttention() throws IOException {
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
                "--window-tokens=12",
                "--windows=3",
                "--policies=dense",
                "--policies=quest(budget=64)",
                "--cache-policies=" + WIDE,
                "--cache-policies=" + NARROW));
    Ended ended = JobHarness.eval(output, args.toArray(String[]::new));
    assertThat(ended.code()).as(ended.err() + ended.out()).isZero();
    assertThat(ended.out())
        .contains(
            "1,200 tokens to prefill once under each of 3 cache policies, 216 rows to feed under 2"
                + " policies under each of them.",
            "3 documents, 2 policies under each of 3 cache policies, 3 to measure, 0 found");
    String quality = table(output, "quality");
    assertThat(query("select count(*), count(kl) from " + quality)).containsExactly("18|18");
    assertThat(
            query(
                "select count(*) from "
                    + quality
                    + " q join "
                    + quality
                    + " w on q.doc_id = w.doc_id and q.policy = w.policy where q.cache_policy ="
                    + " 'none' and w.cache_policy like '%recent=1024%' and q.kl = w.kl and"
                    + " q.neg_log_likelihood = w.neg_log_likelihood"))
        .as("a wide shape is dense to the bit, and the reference is dense attention without it")
        .containsExactly("6");
    assertThat(
            query(
                "select cache_policy = 'none', policy = 'dense', min(kl) > 0, max(kl) = 0,"
                    + " max(prefill_blocks_computed) < max(prefill_blocks_total) from "
                    + quality
                    + " where cache_policy not like '%recent=1024%' group by all order by all"))
        .containsExactly(
            "false|false|true|false|true",
            "false|true|true|false|true",
            "true|false|true|false|false",
            "true|true|false|true|false");
    assertThat(Files.readString(output.resolve("report.html")))
        .contains(
            "KL from dense by cache policy",
            "dense under a_shape(",
            "prefill density",
            "Attention mass kept by prefill",
            "attention mass kept by layer and head");
    assertThat(
            query(
                "select cache_policy like '%recent=1024%' wide, count(distinct doc_id),"
                    + " count(distinct layer) > 1, min(attention_mass) > 0.999999,"
                    + " min(attention_mass) < 0.999, min(best_mass - attention_mass) >= -1e-9,"
                    + " max(listed_share), max(document_tokens) from "
                    + table(output, "prefill_selection")
                    + " group by wide order by wide"))
        .as("the narrow one lists two of the 4, 8, ... blocks of 16 before each of its segments")
        .containsExactly(
            "false|3|true|false|true|true|0.14285714285714285|400",
            "true|3|true|true|false|true|1.0|400");

    List<String> before = quality(output);
    kill(output);
    Map<Path, FileTime> left = cells(output);
    Ended again = JobHarness.eval(output, args.toArray(String[]::new));
    assertThat(again.code()).as(again.err()).isZero();
    assertThat(quality(output)).isEqualTo(before);
    assertKept(left, output);

    Map<Path, FileTime> finished = cells(output);
    args.add("--cache-policies=random_blocks(budget=64, segment=64, block=16)");
    Ended more = JobHarness.eval(output, args.toArray(String[]::new));
    assertThat(more.code()).as(more.err()).isZero();
    assertKept(finished, output);
    assertThat(cells(output))
        .as("two policies on three windows, and a study of each prefill")
        .hasSize(finished.size() + 9);
    assertThat(quality(output)).containsAll(before).hasSize(24);
  }

  @Test
  void aSweepPrefillsEveryRepetitionAnewUnderEachCachePolicy() throws IOException {
    Path input = JobHarness.corpus(folder, 3);
    Path output = folder.resolve("out");
    String[] args = {
      "--command=sweep",
      "--answer-col=answer",
      "--policies=quest(budget=64)",
      "--cache-policies=" + NARROW,
      "--max-num-seqs=2",
      "--repetitions=2",
      "--speed-tokens=4"
    };
    Ended ended = JobHarness.run(input, output, args);
    assertThat(ended.code()).as(ended.err() + ended.out()).isZero();
    String speed = table(output, "speed");
    assertThat(
            query(
                "select cache_policy = 'none', count(*), count(distinct prefill_ms),"
                    + " count(distinct repetition) from "
                    + speed
                    + " group by all order by all"))
        .as("three documents, two policies of questions, two repetitions")
        .containsExactly("false|12|6|2", "true|12|6|2");
    assertThat(
            query(
                "select count(*) from (select doc_id, repetition, cache_policy from "
                    + speed
                    + " group by all having count(distinct prefill_ms) > 1)"))
        .as("policies of questions share a prefill")
        .containsExactly("0");
    assertThat(
            query("select count(*), count(distinct cache_policy) from " + table(output, "quality")))
        .containsExactly("24|2");
    assertThat(
            query(
                "select distinct cache_policy from "
                    + table(output, "selection")
                    + " order by all"))
        .containsExactly("none");
    assertThat(
            query(
                "select count(*), count(prefill_seconds), count(prefill_speedup) from "
                    + table(output, "stats")))
        .containsExactly("4|4|4");
    assertThat(Files.readString(output.resolve("report.html")))
        .contains(
            "Prefill time by document length",
            "Documents per hour",
            "Score by cache policy",
            "prefilled anew");

    List<String> before = quality(output);
    kill(output);
    Map<Path, FileTime> left = cells(output);
    Ended again = JobHarness.run(input, output, args);
    assertThat(again.code()).as(again.err()).isZero();
    assertThat(quality(output)).isEqualTo(before);
    assertKept(left, output);
    assertThat(query("select count(*) from " + speed)).containsExactly("24");
  }

  @Test
  void whatACachePolicyCannotActOnIsRefusedBeforeAnyWork() throws IOException {
    Path output = folder.resolve("out");
    Ended perplexity =
        JobHarness.eval(
            output,
            "--suite=perplexity",
            "--input=" + JobHarness.corpus(folder, 1),
            "--cache-policies=" + NARROW);
    assertThat(perplexity.code()).isEqualTo(ExitCode.REFUSED);
    assertThat(perplexity.err()).contains("no document for cache_policy a_shape(", "divergence");
    Ended both =
        JobHarness.eval(
            output, "--suite=passkey", "--cache-policies=" + NARROW, "--cache-policy=" + NARROW);
    assertThat(both.code()).isEqualTo(ExitCode.REFUSED);
    assertThat(both.err()).contains("--cache-policies says which", "give one of them");
    assertThat(output).doesNotExist();
  }
}
