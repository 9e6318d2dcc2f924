package dev.questspark.job.cluster;

import static dev.questspark.job.JobHarness.query;
import static dev.questspark.job.JobHarness.table;
import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.JobHarness;
import dev.questspark.job.JobHarness.Ended;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * GPUs as Spark hands them out, on two real workers with two devices of the test driver each: every
 * device that is used has one engine, whatever number of executors and tasks there are.
 */
@Tag("cluster")
class GpuAddressesTest {
  @RegisterExtension static final StandaloneCluster CLUSTER = StandaloneCluster.shared();

  private static final String CONTENT =
      "doc_id, question_id, policy, cache_policy, kv_budget, status, output_text, prompt_tokens,"
          + " completion_tokens, kv_bytes_read, sparse_steps";
  private static final String[] ARGS = {
    "--dtype=float32",
    "--selectors=all,quest",
    "--kv-budgets=64",
    "--partitions=4",
    "--max-tokens=4"
  };

  @TempDir static Path folder;
  private static Path input;
  private static List<String> expected;

  @BeforeAll
  static void start() throws IOException {
    input = JobHarness.corpus(folder, 4);
    Path cpu = folder.resolve("cpu");
    Ended onCpu = JobHarness.run(input, cpu, ARGS);
    assertThat(onCpu.code()).as(onCpu.err()).isZero();
    expected = content(cpu);
    assertThat(expected).hasSize(16);
  }

  private static List<String> content(Path output) {
    return query("select " + CONTENT + " from " + table(output, "answers") + " order by all");
  }

  /** Runs on executors of so many cores and GPUs, tasks of such a share, waiting for all. */
  private Path run(String name, int cores, int executorGpus, String taskGpus, int allCores) {
    SparkConf conf =
        CLUSTER
            .cudaConf()
            .set("spark.executor.cores", String.valueOf(cores))
            .set("spark.executor.resource.gpu.amount", String.valueOf(executorGpus))
            .set("spark.task.resource.gpu.amount", taskGpus)
            .set("spark.cores.max", String.valueOf(allCores))
            .set("spark.scheduler.minRegisteredResourcesRatio", "1.0")
            .set("spark.scheduler.maxRegisteredResourcesWaitingTime", "300s");
    Path output = folder.resolve(name);
    String[] args = Arrays.copyOf(ARGS, ARGS.length + 1);
    args[ARGS.length] = "--backend=cuda";
    Ended ended = JobHarness.runOn(conf, input, output, args);
    assertThat(ended.code()).as(() -> ended.err() + CLUSTER.logs()).isZero();
    assertThat(content(output)).as("as on the CPU").isEqualTo(expected);
    // every engine's steps are in the trace, and none is there twice
    assertThat(query("select sum(prefill_tokens), count(*) from " + table(output, "steps")))
        .isEqualTo(
            query(
                "select any_value(prefill_tokens), any_value(engine_steps) from "
                    + table(output, "stats")));
    return output;
  }

  private static List<String> placed(Path output) {
    return query(
        "select gpu_address, count(distinct executor_id) from "
            + table(output, "answers")
            + " group by all order by all");
  }

  private static String executorsAndEngines(Path output) {
    return query("select count(distinct executor_id) from " + table(output, "answers")).get(0)
        + "|"
        + query("select any_value(engines) from " + table(output, "stats")).get(0);
  }

  @Test
  void oneEngineForEachAddress() throws IOException {
    Path output = run("four", 2, 1, "1", 8);
    assertThat(placed(output)).containsExactly("cuda:0|1", "cuda:1|1", "cuda:2|1", "cuda:3|1");
    assertThat(executorsAndEngines(output)).isEqualTo("4|4");
    String run = Files.readString(output.resolve("run.json"));
    for (int device = 0; device < 4; device++) {
      assertThat(run.split("\\(device " + device + ",", -1)).as(run).hasSize(2);
    }
  }

  @Test
  void manyTasksFeedOneEngine() {
    Path output = run("shared", 4, 1, "0.25", 4);
    assertThat(placed(output)).hasSize(1);
    assertThat(executorsAndEngines(output)).isEqualTo("1|1");
  }

  @Test
  void anExecutorWithTwoGpusHasTwoEngines() {
    Path output = run("pair", 4, 2, "0.5", 4);
    assertThat(placed(output)).hasSize(2);
    assertThat(executorsAndEngines(output)).isEqualTo("1|2");
  }

  @Test
  void aFaultOfTheConfigurationEndsTheJobWithOneSentence() throws IOException {
    Path nowhere = folder.resolve("nowhere");
    refused("Model folder " + nowhere + " does not exist", "--model=" + nowhere);
    refused("device is 7, but this process sees 4 GPUs", "--backend=cuda:7");
  }

  private static void refused(String sentence, String arg) {
    Path output = folder.resolve("refused");
    Ended ended = JobHarness.runOn(CLUSTER.cudaConf(), input, output, arg);
    assertThat(ended.code()).as(() -> ended.err() + CLUSTER.logs()).isEqualTo(2);
    assertThat(ended.err()).startsWith("Error: " + sentence).contains("(executor ");
    assertThat(ended.err().strip().lines()).hasSize(1);
  }
}
