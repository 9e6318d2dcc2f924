package dev.questspark.job;

import static dev.questspark.job.JobHarness.content;
import static dev.questspark.job.JobHarness.query;
import static dev.questspark.job.JobHarness.table;
import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.job.JobHarness.Ended;
import dev.questspark.job.cluster.TestProcess;
import dev.questspark.job.options.ExitCode;
import dev.questspark.job.output.OutputFolder;
import dev.questspark.job.output.RunLock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A run that was interrupted goes on where it stopped; read back with DuckDB. */
@Tag("spark")
class ResumeTest {
  private static final int DOCUMENTS = 60;
  private static final int ROWS = DOCUMENTS * 2 * 2;
  private static final String[] OPTIONS = {
    "--selectors=all,quest",
    "--kv-budgets=64",
    "--sparse-skip-layers=1",
    "--partitions=4",
    "--answer-batch-rows=8",
    "--max-num-batched-tokens=256"
  };

  @TempDir Path folder;

  private static String[] with(String... more) {
    String[] all = java.util.Arrays.copyOf(OPTIONS, OPTIONS.length + more.length);
    System.arraycopy(more, 0, all, OPTIONS.length, more.length);
    return all;
  }

  private long count(Path output, String condition) {
    return Long.parseLong(
        query("select count(*) from " + table(output, "answers") + " where " + condition).get(0));
  }

  @Test
  void aKilledDriverCostsNoFinishedRow() throws IOException {
    Path input = JobHarness.shortDocuments(folder, DOCUMENTS);
    Path whole = folder.resolve("whole");
    Ended undisturbed = JobHarness.run(input, whole, OPTIONS);
    assertThat(undisturbed.code()).as(undisturbed.err()).isZero();

    Path output = folder.resolve("out");
    try (TestProcess driver =
        JobHarness.fork(TestSpark.conf(), folder.resolve("driver.log"), input, output, OPTIONS)) {
      driver.awaitThat(
          () -> JobHarness.answerFiles(output) >= 3, Duration.ofMinutes(10), "third batch");
      driver.kill();
      assertThat(driver.await(Duration.ofMinutes(1))).isEqualTo(137);
    }
    long committed = count(output, "true");
    assertThat(committed).isBetween(3 * 8L, ROWS - 1L);
    assertThat(content(whole)).containsAll(content(output));
    assertThat(Files.readString(output.resolve("run.json"))).contains("\"state\": \"running\"");

    Ended refused = JobHarness.run(input, output, with("--resume", "--max-tokens=9"));
    assertThat(refused.code()).isEqualTo(ExitCode.REFUSED);
    assertThat(refused.err()).contains("max_tokens was '8' and is '9'", "--resume", "--output");

    Ended resumed = JobHarness.run(input, output, with("--resume"));
    assertThat(resumed.code()).as(resumed.err()).isZero();
    assertThat(resumed.out()).contains(committed + " rows were found finished");
    assertThat(Files.readString(output.resolve("run.json")))
        .contains("\"state\": \"finished\"", "\"rows_found_finished\": " + committed + ",");
    assertThat(content(output)).hasSize(ROWS).doesNotHaveDuplicates().isEqualTo(content(whole));
    assertThat(query("select run_id, count(*) from " + table(output, "answers") + " group by all"))
        .hasSize(2)
        .anySatisfy(line -> assertThat(line).endsWith("|" + committed))
        .anySatisfy(line -> assertThat(line).endsWith("|" + (ROWS - committed)));
    assertThat(query("select sum(questions) from " + table(output, "stats")))
        .containsExactly(String.valueOf(ROWS - committed));
    assertThat(output.toFile().list()).noneMatch(name -> name.startsWith("_"));
    assertThat(output.resolve("steps").toFile().list())
        .noneMatch(name -> name.contains("unfinished"));
    assertThat(output.toFile().listFiles((dir, name) -> name.matches("run-.*json")))
        .singleElement()
        .satisfies(
            dead -> assertThat(Files.readString(dead.toPath())).contains("\"state\": \"died\""));
    assertThat(resumed.out()).contains("the table is of the " + (ROWS - committed) + " others");
    assertThat(JobHarness.answerFiles(output)).as("small files are joined").isEqualTo(1);
  }

  @Test
  void errorRowsAreFinishedUnlessTheyAreRetried() throws IOException {
    Path input = folder.resolve("errors.jsonl");
    Files.writeString(
        input,
        """
        {"id": "a", "text": "The gate code of the silver otter is 41234.", "question": ["q?", " "]}
        {"id": "twice", "text": "one", "question": ["q?"]}
        {"id": "twice", "text": "one", "question": ["q?"]}
        {"id": "empty", "text": "", "question": ["q?"]}
        {"text": "no id", "question": ["q?"]}
        """);
    Path output = folder.resolve("out");
    String[] options = {"--selectors=all", "--max-error-rate=1", "--partitions=1"};
    assertThat(JobHarness.run(input, output, options).code()).isZero();
    var first = content(output);
    assertThat(first).hasSize(6);
    assertThat(count(output, "status = 'error'")).isEqualTo(4);

    Ended again =
        JobHarness.run(input, output, "--selectors=all", "--resume", "--max-error-rate=0.6");
    assertThat(again.code()).as("errors found count: " + again.out()).isEqualTo(3);
    assertThat(again.out()).contains("6 rows were found finished");
    assertThat(content(output)).isEqualTo(first);

    Ended retried =
        JobHarness.run(
            input,
            output,
            "--selectors=all,quest",
            "--kv-budgets=64",
            "--max-error-rate=1",
            "--resume",
            "--retry-errors");
    assertThat(retried.err()).isEmpty();
    assertThat(retried.out()).contains("3 error rows are computed again", "3 rows were found");
    // every document, question and policy once, and what was answered stays
    assertThat(
            query(
                "select policy, count(*) from "
                    + table(output, "answers")
                    + " group by all order by all"))
        .containsExactly(
            "dense|6", ReadPolicy.parse("skip_layers(layers=2, quest(budget=64))").text() + "|6");
    assertThat(content(output)).containsAll(first);
    assertThat(
            count(
                output,
                "policy = 'dense' and run_id = (select min(run_id) from "
                    + table(output, "answers")
                    + ")"))
        .isEqualTo(3);

    Files.writeString(input, Files.readString(input).replace("41234", "45678"));
    Ended changed = JobHarness.run(input, output, "--selectors=all", "--resume");
    assertThat(changed.code()).isEqualTo(ExitCode.REFUSED);
    assertThat(changed.err()).contains("document 'a' with another text", "--mode overwrite");
  }

  /** What a synchronised folder holds after the model was trained further. */
  @Test
  void anotherModelOfTheSameShapeIsRefused() throws IOException {
    Path input = JobHarness.corpus(folder, 1);
    Path output = folder.resolve("out");
    Path model = Files.createDirectory(folder.resolve("model"));
    for (String name : List.of("config.json", "tokenizer.json", "model.safetensors")) {
      Files.copy(JobHarness.MODEL.resolve(name), model.resolve(name));
    }
    String[] args = {"--selectors=all", "--model=" + model};
    assertThat(JobHarness.run(input, output, args).code()).isZero();
    byte[] weights = Files.readAllBytes(model.resolve("model.safetensors"));
    for (int i = 2 << 20; i < weights.length; i++) {
      weights[i] ^= (byte) 0x80;
    }
    Files.write(model.resolve("model.safetensors"), weights);
    Ended refused =
        JobHarness.run(input, output, "--selectors=all", "--model=" + model, "--resume");
    assertThat(refused.code()).isEqualTo(ExitCode.REFUSED);
    assertThat(refused.err()).contains("the model was '", "--mode overwrite");
  }

  @Test
  void twoRunsDoNotMix() throws IOException {
    Path input = JobHarness.corpus(folder, 1);
    Path output = folder.resolve("out");
    OutputFolder held = new OutputFolder(output.toString(), new Configuration());
    try (RunLock lock = held.lock("first-run", () -> {})) {
      Ended second = JobHarness.run(input, output, "--selectors=all", "--mode=overwrite");
      assertThat(second.code()).isEqualTo(ExitCode.REFUSED);
      assertThat(second.err()).contains("is in use by run first-run", "choose another --output");
      assertThat(lock.lost()).isFalse();
    }
    assertThat(output.resolve("_lock")).doesNotExist();
  }
}
