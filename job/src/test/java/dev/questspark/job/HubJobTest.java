package dev.questspark.job;

import static dev.questspark.job.JobHarness.query;
import static dev.questspark.job.JobHarness.table;
import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.cluster.TestProcess;
import dev.questspark.job.hub.HubServer;
import dev.questspark.job.options.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A job whose model is a name on a hub, which is one of this machine. */
@Tag("spark")
class HubJobTest {
  private static final Duration PATIENCE = Duration.ofMinutes(5);

  @TempDir Path folder;

  private static Map<String, byte[]> demo() throws IOException {
    Map<String, byte[]> files = new TreeMap<>();
    try (Stream<Path> all = Files.list(JobHarness.MODEL)) {
      for (Path file : all.toList()) {
        files.put(file.getFileName().toString(), Files.readAllBytes(file));
      }
    }
    return files;
  }

  private TestProcess run(HubServer hub, String model, String log, String... args)
      throws IOException {
    String[] all =
        Stream.concat(
                Stream.of(
                    "--model=" + model,
                    "--prompt-template=" + JobHarness.TEMPLATE,
                    "--kv-cache-memory-bytes=64m",
                    "--max-model-len=1024",
                    "--max-tokens=8",
                    "--answer-col=answer",
                    "--selectors=all",
                    "--input=" + folder.resolve("corpus.jsonl"),
                    "--output=" + folder.resolve("out")),
                Stream.of(args))
            .toArray(String[]::new);
    Map<String, String> environment =
        Map.of("HF_ENDPOINT", hub.endpoint(), "HF_HOME", folder.resolve("hf").toString());
    return JobHarness.fork(TestSpark.conf(), environment, folder.resolve(log), all);
  }

  @Test
  void aNameOfTheHubIsDownloadedAndAnswers() throws Exception {
    JobHarness.corpus(folder, 2);
    try (HubServer hub = new HubServer(demo())) {
      try (TestProcess none = run(hub, "org/no-such-model", "refused.log")) {
        assertThat(none.await(PATIENCE)).as(none.log()).isEqualTo(ExitCode.REFUSED);
        assertThat(none.log()).contains("Error: model org/no-such-model: " + hub.endpoint());
      }
      try (TestProcess job = run(hub, HubServer.MODEL, "run.log")) {
        assertThat(job.await(PATIENCE)).as(job.log()).isZero();
        assertThat(job.log()).contains("downloading model " + HubServer.MODEL);
      }
    }
    assertThat(
            query(
                "select count(*), sum(answer_correct::int) from "
                    + table(folder.resolve("out"), "answers")
                    + " where question_id = 0"))
        .containsExactly("2|2");
  }
}
