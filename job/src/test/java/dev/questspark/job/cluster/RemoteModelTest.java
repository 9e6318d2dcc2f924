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
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** A model that no node has, on two executors of one node. */
@Tag("cluster")
class RemoteModelTest {
  @RegisterExtension static final StandaloneCluster CLUSTER = StandaloneCluster.shared();

  private static final Path DEMO = Path.of("..", "demo", "model").toAbsolutePath().normalize();

  @TempDir static Path folder;
  private static Path input;
  private static Path local;

  @BeforeAll
  static void answerFromAFolder() throws IOException {
    input = JobHarness.corpus(folder, 4);
    local = folder.resolve("local");
    assertThat(JobHarness.run(input, local, args()).code()).isZero();
    assertThat(JobHarness.content(local)).hasSize(8);
  }

  private static String[] args(String... more) {
    List<String> all = new ArrayList<>(List.of("--selectors=all", "--partitions=4"));
    all.addAll(List.of(more));
    return all.toArray(String[]::new);
  }

  /** On both executors, with the answers of the folder; what the console said. */
  private static String run(SparkConf conf, String name, String... more) {
    conf.set("spark.scheduler.minRegisteredResourcesRatio", "1.0")
        .set("spark.scheduler.maxRegisteredResourcesWaitingTime", "300s");
    Path output = folder.resolve(name);
    Ended ended = JobHarness.runOn(conf, input, output, args(more));
    assertThat(ended.code()).as(() -> ended.err() + CLUSTER.logs()).isZero();
    assertThat(JobHarness.content(output)).isEqualTo(JobHarness.content(local));
    assertThat(query("select count(distinct executor_id) from " + table(output, "answers")))
        .containsExactly("2");
    return ended.out();
  }

  private static List<String> paramsHash(Path output) {
    return query("select distinct params_hash from " + table(output, "answers"));
  }

  @Test
  void theNodeFetchesTheModelOnce() throws IOException {
    Path opened = folder.resolve("opened");
    SparkConf conf = CLUSTER.conf();
    MirrorFileSystem.settings(opened)
        .forEach(
            setting -> {
              if (setting.getKey().contains("mirror")) {
                conf.set("spark.hadoop." + setting.getKey(), setting.getValue());
              }
            });
    Path cache = folder.resolve("cache");
    String console = run(conf, "remote", "--model=mirror://" + DEMO, "--model-cache=" + cache);
    assertThat(console).contains("(generation_config)"); // read before Spark started
    // once for the executors, once for the driver, which leaves the weights where they are
    assertThat(Files.readAllLines(opened))
        .filteredOn(name -> name.equals("tokenizer.json"))
        .hasSize(2);
    try (Stream<Path> copies = Files.list(cache)) {
      assertThat(copies.filter(Files::isDirectory)).hasSize(2);
    }
    assertThat(paramsHash(folder.resolve("remote")))
        .as("the same model by its fingerprint")
        .isEqualTo(paramsHash(local));
  }

  @Test
  void anArchiveIsUnpackedForEveryExecutor() throws IOException {
    Path zip = folder.resolve("model.zip");
    try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(zip));
        Stream<Path> files = Files.list(DEMO)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        out.putNextEntry(new ZipEntry(file.getFileName().toString()));
        Files.copy(file, out);
      }
    }
    run(CLUSTER.conf().set("spark.archives", zip + "#llama"), "archive", "--model=llama");
  }
}
