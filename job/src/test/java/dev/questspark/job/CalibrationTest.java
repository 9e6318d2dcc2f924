package dev.questspark.job;

import static dev.questspark.job.JobHarness.query;
import static dev.questspark.job.JobHarness.table;
import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.policy.cache.heads.HeadPattern;
import dev.questspark.job.JobHarness.Ended;
import dev.questspark.job.options.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The model's own pattern of heads that need a whole document. */
@Tag("spark")
class CalibrationTest {
  @TempDir Path folder;

  private Path input;

  @BeforeEach
  void writeTexts() throws IOException {
    input = folder.resolve("reports.jsonl");
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 160; i++) {
      text.append("Call me Ishmael, said captain %d of the ship. ".formatted(i * 37 % 89));
    }
    Files.writeString(input, "{\"id\": \"a\", \"text\": \"%s\"}\n".formatted(text));
  }

  private Ended eval(Path output, String... more) throws IOException {
    List<String> args =
        new ArrayList<>(
            List.of(
                "--input=" + input,
                "--prefix-tokens=480",
                "--window-tokens=16",
                "--windows=3",
                "--seed=7"));
    args.addAll(List.of(more));
    return JobHarness.eval(output, args.toArray(String[]::new));
  }

  @Test
  void thePatternThatAModelShowsIsBetterThanItsInverse() throws IOException {
    Path output = folder.resolve("heads out"); // as a user may name it
    Ended ended = eval(output, "--suite=calibration");
    assertThat(ended.code()).as(ended.err() + ended.out()).isZero();
    HeadPattern pattern = HeadPattern.read(output);
    int heads = pattern.scores().length * pattern.scores()[0].length;
    assertThat(ended.out())
        .contains(
            heads + " KV heads in " + pattern.scores().length + " layers",
            "duoattention(streaming=0.25, heads=" + output + ")",
            "under each of " + (heads + 1) + " cache policies");
    assertThat(pattern.sink()).isEqualTo(64);
    assertThat(pattern.recent()).isEqualTo(256);
    assertThat(query("select count(distinct cache_policy) from " + table(output, "quality")))
        .containsExactly(String.valueOf(heads + 1));

    assertThat(query("select count(*) from " + table(output, "prefill_selection")))
        .as("a study that nobody asked for")
        .containsExactly("0");

    float[][] inverse = new float[pattern.scores().length][];
    for (int layer = 0; layer < inverse.length; layer++) {
      inverse[layer] = pattern.scores()[layer].clone();
      for (int head = 0; head < inverse[layer].length; head++) {
        assertThat(inverse[layer][head]).isPositive();
        inverse[layer][head] *= -1;
      }
    }
    Path inverted = folder.resolve("inverted");
    new HeadPattern(inverted, inverse, pattern.sink(), pattern.recent()).write();
    Path measured = folder.resolve("measured");
    Ended compared =
        eval(
            measured,
            "--suite=divergence",
            "--policies=dense",
            "--cache-policies=duoattention(streaming=0.5, heads=" + output + ")",
            "--cache-policies=duoattention(streaming=0.5, heads=" + inverted + ")");
    assertThat(compared.code()).as(compared.err() + compared.out()).isZero();
    assertThat(
            query(
                "select avg(kl) filter (cache_policy like '%heads out%') < avg(kl) filter"
                    + " (cache_policy like '%inverted%') from "
                    + table(measured, "quality")))
        .containsExactly("true");
  }

  @Test
  void itsPoliciesAreItsOwn() throws IOException {
    Ended ended = eval(folder.resolve("out"), "--suite=calibration", "--cache-policies=int4");
    assertThat(ended.code()).isEqualTo(ExitCode.REFUSED);
    assertThat(ended.err())
        .contains("--cache-policies has no effect on eval --suite calibration; leave it out");
    Ended remote = eval(Path.of("memory:/out"), "--suite=calibration");
    assertThat(remote.code()).isEqualTo(ExitCode.REFUSED);
    assertThat(remote.err()).contains("--output is memory:", "a folder that all hosts see");
  }
}
