package dev.questspark.job;

import static dev.questspark.job.JobHarness.content;
import static dev.questspark.job.JobHarness.query;
import static dev.questspark.job.JobHarness.table;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import dev.questspark.job.JobHarness.Ended;
import dev.questspark.job.cluster.StandaloneCluster;
import dev.questspark.job.options.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Devices that fail at random launches, on the engine's test driver ({@code kernels/testdriver}) in
 * executors of a real cluster: every row once, and the same answers as without. {@code
 * -Dquestspark.fault.seeds=20} tries so many launches.
 */
@Tag("cluster")
class CudaFaultTest {
  @RegisterExtension static final StandaloneCluster CLUSTER = StandaloneCluster.shared();

  private static final int DOCUMENTS = 8;
  private static final int ROWS = DOCUMENTS * 2;
  private static final String[] OPTIONS = {
    "--backend=cuda",
    "--dtype=float32",
    "--selectors=quest",
    "--kv-budgets=64",
    "--partitions=4",
    "--answer-batch-rows=2",
    "--max-tokens=2",
    "--max-num-batched-tokens=128"
  };

  @TempDir static Path shared;
  @TempDir Path folder;
  private static Path input;
  private static List<String> undisturbed;

  /** Launches of a fresh engine up to its first document's answers, and per document. */
  private static int first;

  private static int perDocument;

  @BeforeAll
  static void runUndisturbed() throws IOException {
    Function counter =
        NativeLibrary.getInstance(JobHarness.testDriver() + "/libcuda.so.1")
            .getFunction("questLaunches");
    input = JobHarness.shortDocuments(Files.createDirectory(shared.resolve("one")), 1);
    first = launches(counter, "out-1");
    input = JobHarness.shortDocuments(shared, DOCUMENTS);
    perDocument = (launches(counter, "out") - first) / (DOCUMENTS - 1);
    undisturbed = content(shared.resolve("out"));
    assertThat(undisturbed).hasSize(ROWS);
  }

  /** Runs the job in this JVM and counts. */
  private static int launches(Function counter, String output) {
    int before = counter.invokeInt(new Object[0]);
    Ended ended = JobHarness.run(input, shared.resolve(output), OPTIONS);
    assertThat(ended.code()).as(ended.err()).isZero();
    return counter.invokeInt(new Object[0]) - before;
  }

  static LongStream seeds() {
    return LongStream.rangeClosed(1, Integer.getInteger("questspark.fault.seeds", 3));
  }

  /** Every executor's driver fails in this way at this launch, the replacing ones' too. */
  private static SparkConf failing(String fault, int launch) {
    return CLUSTER
        .cudaConf()
        .set("spark.executorEnv.QUEST_TESTDRIVER_" + fault, String.valueOf(launch));
  }

  private static void assertEveryRowOnce(String what, long seed, Ended ended, Path output) {
    assertThat(ended.code()).as(() -> ended.err() + CLUSTER.logs()).isZero();
    assertThat(content(output)).doesNotHaveDuplicates().isEqualTo(undisturbed);
    System.out.printf(
        "seed %d: %s; %d rows in, %d rows out; %s%n",
        seed,
        what,
        ROWS,
        content(output).size(),
        query(
                    "select count(*) filter (attempt > 0) || ' rows by a later attempt' from "
                        + table(output, "answers"))
                .get(0)
            + ", executors: "
            + executors(output));
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  void aLostDeviceEndsItsExecutorAndCostsNoRow(long seed) {
    int launch = launch(seed);
    Path output = folder.resolve("out");
    Ended ended = JobHarness.runOn(failing("STICKY_AFTER", launch), input, output, OPTIONS);
    assertEveryRowOnce("device lost after " + launch + " launches", seed, ended, output);
    assertThat(CLUSTER.logs()).contains("injected after launch " + launch);
    assertThat(executors(output)).as("Spark replaced executors").isGreaterThan(2);
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  void aRefusedLaunchCostsNoRow(long seed) {
    int launch = launch(seed);
    Path output = folder.resolve("out");
    Ended ended = JobHarness.runOn(failing("FAIL_LAUNCH", launch), input, output, OPTIONS);
    assertEveryRowOnce("launch " + launch + " refused", seed, ended, output);
    assertThat(CLUSTER.logs()).contains("injected into launch " + launch);
    assertThat(executors(output)).as("a new engine, not a new executor").isLessThanOrEqualTo(2);
  }

  /**
   * Later than an engine's first document, so that every try gets further; earlier than the fourth
   * of whichever executor has most of them.
   */
  private static int launch(long seed) {
    return first + 1 + new Random(seed).nextInt(2 * perDocument);
  }

  private static int executors(Path output) {
    return Integer.parseInt(
        query("select count(distinct executor_id) from " + table(output, "answers")).get(0));
  }

  @Test
  void aModelThatDoesNotFitIsOneSentence() {
    Path output = folder.resolve("out");
    Ended ended = JobHarness.runOn(failing("MEMORY_BYTES", 20_000_000), input, output, OPTIONS);
    assertThat(ended.code()).as(() -> ended.err() + CLUSTER.logs()).isEqualTo(ExitCode.REFUSED);
    assertThat(ended.err())
        .startsWith("Error: the GPU has no room for ")
        .contains("of 20000000 bytes are free", "lower gpu_memory_utilization");
    assertThat(ended.err().strip().lines()).hasSize(1);
    assertThat(JobHarness.answerFiles(output)).isZero();
  }
}
