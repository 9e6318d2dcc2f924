package dev.questspark.job.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.JobHarness;
import dev.questspark.job.JobHarness.Ended;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** The job on executors in processes of their own answers as it does in one JVM. */
@Tag("cluster")
class StandaloneClusterTest {
  @RegisterExtension static final StandaloneCluster CLUSTER = StandaloneCluster.shared();

  private static final String CONTENT =
      "doc_id, question_id, policy, cache_policy, kv_budget, status, output_text, prompt_tokens,"
          + " completion_tokens, kv_bytes_read, sparse_steps";

  @TempDir Path folder;

  private static List<String> content(Path output) {
    return JobHarness.query(
        "select " + CONTENT + " from " + JobHarness.table(output, "answers") + " order by all");
  }

  @Test
  void answersAreThoseOfALocalRun() throws IOException {
    Path input = JobHarness.corpus(folder, 4);
    String[] args = {"--selectors=all,quest", "--kv-budgets=64", "--partitions=4"};

    Ended ended = JobHarness.runOn(CLUSTER.conf(), input, folder.resolve("cluster"), args);
    assertThat(ended.code()).as(ended.err()).isZero();
    assertThat(JobHarness.run(input, folder.resolve("local"), args).code()).isZero();

    List<String> local = content(folder.resolve("local"));
    assertThat(local).hasSize(16);
    assertThat(content(folder.resolve("cluster"))).isEqualTo(local);
    assertThat(
            JobHarness.query(
                "select distinct executor_id <> 'driver' from "
                    + JobHarness.table(folder.resolve("cluster"), "answers")))
        .containsExactly("true");
  }
}
