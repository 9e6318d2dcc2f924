package dev.questspark.job;

import static dev.questspark.job.JobHarness.query;
import static dev.questspark.job.JobHarness.table;
import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.JobHarness.Ended;
import dev.questspark.job.options.ExitCode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The same job on the CUDA backend, on the engine's test driver ({@code kernels/testdriver}). */
@Tag("cuda")
class CudaJobTest {
  private static final String CONTENT =
      "doc_id, question_id, policy, cache_policy, kv_budget, status, output_text, prompt_tokens,"
          + " completion_tokens, kv_bytes_read, sparse_steps";

  @TempDir Path folder;

  @BeforeEach
  void theTestDriverIsBuilt() {
    JobHarness.testDriver();
  }

  private Ended run(Path output, String... args) throws IOException {
    return JobHarness.run(JobHarness.corpus(folder, 2), output, args);
  }

  private Ended runOn(String backend, Path output) throws IOException {
    return run(
        output,
        "--backend",
        backend,
        "--dtype",
        "float32",
        "--selectors",
        "all,quest",
        "--kv-budgets",
        "64,full");
  }

  @Test
  void answersAreTheCpuBackends() throws IOException {
    Path cuda = folder.resolve("cuda");
    Path cpu = folder.resolve("cpu");
    Ended ended = runOn("cuda", cuda);
    assertThat(ended.err()).isEmpty();
    assertThat(ended.code()).isZero();
    assertThat(runOn("cpu", cpu).code()).isZero();
    List<String> answers =
        query("select " + CONTENT + " from " + table(cuda, "answers") + " order by all");
    assertThat(answers).hasSize(8);
    assertThat(answers)
        .isEqualTo(query("select " + CONTENT + " from " + table(cpu, "answers") + " order by all"));
  }

  @Test
  void aDeviceThatIsNotThereIsOneSentenceBeforeAnyWork() throws IOException {
    Ended ended = run(folder.resolve("out"), "--backend", "cuda:7");
    assertThat(ended.code()).isEqualTo(ExitCode.REFUSED);
    assertThat(ended.err())
        .isEqualToIgnoringNewLines(
            "Error: device is 7, but this process sees 1 GPU (counted from 0; CUDA_VISIBLE_DEVICES"
                + " may hide some)");
  }
}
