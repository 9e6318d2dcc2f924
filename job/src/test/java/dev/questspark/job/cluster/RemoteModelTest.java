package dev.questspark.job.cluster;

import static dev.questspark.job.JobHarness.query;
import static dev.questspark.job.JobHarness.table;
import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.JobHarness;
import dev.questspark.job.JobHarness.Ended;
import dev.questspark.job.model.MirrorFileSystem;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** A model that no node has: two executors of one node fetch it from a Hadoop file system. */
class RemoteModelTest {
  @RegisterExtension static final StandaloneCluster CLUSTER = StandaloneCluster.start(2, 1, 1024);

  private static final Path DEMO = Path.of("..", "demo", "model").toAbsolutePath().normalize();
  private static final String CONTENT = "doc_id, question_id, status, output_text, params_hash";

  @TempDir Path folder;

  private static List<String> content(Path output) {
    return query("select " + CONTENT + " from " + table(output, "answers") + " order by all");
  }

  @Test
  void theNodeFetchesTheModelOnce() throws IOException {
    Path input = JobHarness.corpus(folder, 4);
    Path opened = folder.resolve("opened");
    SparkConf conf = CLUSTER.conf();
    MirrorFileSystem.settings(opened)
        .getPropsWithPrefix("")
        .forEach(
            (key, value) -> {
              if (key.contains("mirror")) {
                conf.set("spark.hadoop." + key, value);
              }
            });
    String[] remote = {
      "--selectors=all",
      "--partitions=4",
      "--model=mirror://" + DEMO,
      "--model-cache=" + folder.resolve("cache")
    };
    Ended ended = JobHarness.runOn(conf, input, folder.resolve("remote"), remote);
    assertThat(ended.code()).as(ended.err()).isZero();
    assertThat(ended.out()).contains("generation_config"); // read before Spark started
    // once for the executors, once for the driver, which leaves the weights where they are
    assertThat(Files.readAllLines(opened))
        .filteredOn(name -> name.equals("tokenizer.json"))
        .hasSize(2);
    try (Stream<Path> cache = Files.list(folder.resolve("cache"))) {
      assertThat(cache.filter(Files::isDirectory)).hasSize(2);
    }
    Ended local =
        JobHarness.run(input, folder.resolve("local"), "--selectors=all", "--partitions=4");
    assertThat(local.code()).as(local.err()).isZero();
    assertThat(content(folder.resolve("remote")))
        .as("the same model by its fingerprint, the same answers")
        .isEqualTo(content(folder.resolve("local")));
  }
}
