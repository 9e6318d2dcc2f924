package dev.questspark.job.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.JobHarness;
import dev.questspark.job.PlainSession;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** The job and the functions in somebody's session whose executors are other processes. */
@Tag("cluster")
class PlainSessionOnClusterTest {
  @RegisterExtension static final StandaloneCluster CLUSTER = StandaloneCluster.shared();

  @TempDir Path folder;

  @Test
  void theSessionGoesOnAndNoDocumentIsInALog() throws Exception {
    Path input = JobHarness.corpus(folder, 3);
    Path output = folder.resolve("answered");
    Map<String, String> properties = new LinkedHashMap<>();
    properties.put("spark.master", CLUSTER.masterUrl());
    for (String key : // where the classes are; nothing that is about us
        new String[] {
          "spark.driver.bindAddress",
          "spark.executor.extraClassPath",
          "spark.executor.cores",
          "spark.cores.max",
          "spark.executor.memory"
        }) {
      properties.put(key, CLUSTER.conf().get(key));
    }
    Process plain =
        PlainSession.start(
            folder,
            properties,
            input.toString(),
            "",
            output.toString(),
            JobHarness.MODEL.toString(),
            JobHarness.TEMPLATE.toString());
    String out = new String(plain.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(plain.waitFor()).as(out).isZero();
    assertThat(out.lines())
        .contains(
            "job: 0 true",
            "job on rows: 0",
            "registered:  41234",
            "released: true",
            "group: null",
            "session: 3")
        .anyMatch(line -> line.startsWith("refused: Unknown option 'max_tokenz'"));
    assertThat(out + CLUSTER.logs())
        .as("no document in a log")
        .doesNotContain("nobody spoke on deck");
    assertThat(JobHarness.query("select count(*) from " + JobHarness.table(output, "answers")))
        .containsExactly("6");
  }
}
