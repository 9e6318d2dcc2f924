package dev.questspark.job;

import static dev.questspark.job.JobHarness.query;
import static dev.questspark.job.JobHarness.table;
import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.tokens.HfTokenizer;
import dev.questspark.job.JobHarness.Ended;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code plan} says before anything runs, beside what a run then counts. */
@Tag("spark")
class PlanRunTest {
  @TempDir Path folder;

  private static Ended plan(String... args) {
    List<String> all = new ArrayList<>(List.of("--command=plan", "--model=" + JobHarness.MODEL));
    all.addAll(List.of(args));
    return JobHarness.runWith(all.toArray(String[]::new));
  }

  @Test
  void aDocumentTakesWhatThePlanSays() throws IOException {
    Path corpus = folder.resolve("long.jsonl");
    Files.writeString(
        corpus,
        "{\"id\": \"a\", \"text\": \"%s\", \"question\": \"Who?\"}"
            .formatted("themselves ".repeat(1500)));
    Path template = folder.resolve("bare.txt");
    Files.writeString(template, "{{document}}{{question}}");
    for (String cachePolicy : List.of("none", "int4")) {
      Path output = folder.resolve(cachePolicy);
      Ended run =
          JobHarness.run(
              corpus,
              output,
              "--prompt-template=" + template,
              "--cache-policy=" + cachePolicy,
              "--policies=dense",
              "--max-model-len=4096",
              "--kv-cache-memory-bytes=96m");
      assertThat(run.code()).as(run.err()).isZero();
      String answers = table(output, "answers");
      int document = documentTokens(query("select prompt_tokens from " + answers).get(0));
      double bytes = Double.parseDouble(query("select kv_bytes_document from " + answers).get(0));
      Ended planned =
          plan(
              "--lengths=" + document,
              "--cache-policies=" + cachePolicy,
              "--policies=dense",
              "--max-model-len=4096",
              "--kv-cache-memory-bytes=96m");
      assertThat(planned.code()).as(planned.err()).isZero();
      String row =
          planned
              .out()
              .lines()
              .filter(line -> line.startsWith(cachePolicy))
              .findFirst()
              .orElseThrow();
      assertThat(row.split(" {2,}")[4])
          .as("%s, %d tokens", cachePolicy, document)
          .isEqualTo(String.format(Locale.ROOT, "%,.1f", bytes / (1 << 20)));
    }
  }

  /** What is left of a prompt without the template's question. */
  private static int documentTokens(String promptTokens) {
    try (HfTokenizer tokenizer = HfTokenizer.open(JobHarness.MODEL)) {
      return Integer.parseInt(promptTokens) - tokenizer.encode("Who?", false).length;
    }
  }

  @Test
  void itSaysWhatDocumentsTakeAndRunsNothing() {
    Ended ended =
        plan(
            "--lengths=1000,4000",
            "--cache-policies=int4",
            "--cache-policies=selective(keep=0.2)",
            "--policies=dense",
            "--policies=quest(budget=512)",
            "--kv-cache-memory-bytes=1g");
    assertThat(ended.code()).as(ended.err()).isZero();
    assertThat(ended.out())
        .contains("4 layers, 4 query and 4 KV heads of 64", "live pages", "at once")
        .doesNotContain("engine open");
    List<String> rows =
        ended.out().lines().dropWhile(line -> !line.startsWith("cache_policy")).toList();
    assertThat(rows).hasSize(1 + 2 * 3 * 2);
    assertThat(rows.get(1)).startsWith("none ").contains(" dense ", " 1,000 ");
  }

  @Test
  void whatCannotBePlannedIsOneSentence() {
    assertRefused("leaves", "--lengths=1000000");
    assertRefused("give --kv-cache-memory-bytes, such as 60g", "--backend=cuda");
    assertRefused("--output has no effect on plan", "--output=" + folder);
    assertRefused("needs", "--kv-cache-memory-bytes=1m");
    assertRefused("--reader-model names none", "--cache-policies=selective(reader=model)");
  }

  private void assertRefused(String sentence, String... args) {
    Ended ended = plan(args);
    assertThat(ended.code()).as(ended.out()).isEqualTo(2);
    assertThat(ended.err().strip()).contains(sentence);
    assertThat(ended.err().strip().lines()).hasSize(1);
  }
}
