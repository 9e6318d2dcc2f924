package dev.questspark.job.cluster;

import static dev.questspark.job.JobHarness.query;
import static dev.questspark.job.JobHarness.table;
import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.JobHarness;
import dev.questspark.job.JobHarness.Ended;
import dev.questspark.job.cluster.StageEvents.Task;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * Stages that read and the stage that infers have resources of their own, by the word of Spark's
 * listener, on two real workers with devices of the test driver.
 */
@Tag("cluster")
class StageResourcesTest {
  @RegisterExtension static final StandaloneCluster CLUSTER = StandaloneCluster.shared();

  private static final int DOCUMENTS = 8;
  private static final int CORES = 4;

  @TempDir static Path folder;
  private static Path input;
  private static List<String> expected;

  @BeforeAll
  static void start() throws IOException {
    input = Files.createDirectory(folder.resolve("texts"));
    for (int document = 0; document < DOCUMENTS; document++) {
      Files.writeString(
          input.resolve("text-%02d.txt".formatted(document)),
          "Nobody spoke on deck. The gate code of the silver otter is 4%04d. ".formatted(document));
    }
    Path cpu = folder.resolve("cpu");
    Ended onCpu = JobHarness.run(input, cpu, args());
    assertThat(onCpu.code()).as(onCpu.err()).isZero();
    expected = JobHarness.content(cpu);
    assertThat(expected).hasSize(DOCUMENTS);
  }

  @BeforeEach
  void forget() {
    StageEvents.clear();
  }

  private static String[] args(String... more) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "--dtype=float32",
                "--selectors=all",
                "--question=What is the gate code of the silver otter?",
                "--partitions=8",
                "--max-tokens=2"));
    all.addAll(List.of(more));
    return all.toArray(String[]::new);
  }

  private static SparkConf conf() {
    return CLUSTER.cudaConf().set("spark.extraListeners", StageEvents.class.getName());
  }

  /** On the workers' devices, with the CPU's answers. */
  private static Path run(SparkConf conf, String name, String... more) {
    Path output = folder.resolve(name);
    Ended ended = JobHarness.runOn(conf, input, output, args(more));
    assertThat(ended.code()).as(() -> ended.err() + CLUSTER.logs()).isZero();
    assertThat(JobHarness.content(output)).as("as on the CPU").isEqualTo(expected);
    return output;
  }

  private static List<String> devices(Path output) {
    return query("select distinct gpu_address from " + table(output, "answers") + " order by all");
  }

  private static Set<String> executors(Stream<Task> tasks) {
    return tasks.map(Task::executorId).collect(Collectors.toSet());
  }

  @Test
  void tasksThatReadNeedNoGpu() {
    SparkConf conf =
        conf()
            .set("spark.executor.cores", String.valueOf(CORES))
            .set("spark.cores.max", String.valueOf(2 * CORES))
            .set("spark.executor.resource.gpu.amount", "1")
            .set("spark.scheduler.minRegisteredResourcesRatio", "1.0")
            .set("spark.scheduler.maxRegisteredResourcesWaitingTime", "300s");
    Path output = run(conf, "tasks", "--backend=cuda", "--infer-task-gpus=1");
    StageEvents events = StageEvents.latest();
    int inferring = events.onlyStageWithResources();
    assertThat(events.taskResources(inferring)).containsEntry("gpu", 1.0);
    assertThat(events.mostTasksAtOnce(stage -> stage != inferring))
        .as("tasks that read at once, on two GPUs")
        .isGreaterThan(2);
    assertThat(devices(output)).as("one of each worker").hasSize(2);
    assertThat(query("select any_value(engines) from " + table(output, "stats")))
        .containsExactly("2");
    assertThat(executors(events.tasks(stage -> stage == inferring)))
        .as("the executors that read infer too")
        .hasSize(2)
        .isSubsetOf(executors(events.tasks(stage -> stage != inferring)));
  }

  private static SparkConf dynamic() {
    return conf()
        .set("spark.executor.cores", "2")
        .set("spark.cores.max", String.valueOf(2 * CORES))
        .set("spark.dynamicAllocation.enabled", "true")
        .set("spark.dynamicAllocation.shuffleTracking.enabled", "true")
        .set("spark.dynamicAllocation.schedulerBacklogTimeout", "1s")
        .set("spark.dynamicAllocation.maxExecutors", "1");
  }

  @Test
  void executorsThatReadHaveNoGpu() {
    Path output =
        run(
            dynamic(),
            "executors",
            "--backend=cuda",
            "--infer-executor-gpus=1",
            "--infer-executor-cores=" + CORES,
            "--infer-task-gpus=0.25");
    StageEvents events = StageEvents.latest();
    int inferring = events.onlyStageWithResources();
    assertThat(events.taskResources(inferring)).containsEntry("gpu", 0.25);
    Set<String> readers = executors(events.tasks(stage -> stage != inferring));
    Set<String> inferrers = executors(events.tasks(stage -> stage == inferring));
    assertThat(readers).isNotEmpty().allSatisfy(id -> assertThat(events.gpus(id)).isEmpty());
    assertThat(inferrers)
        .isNotEmpty()
        .doesNotContainAnyElementsOf(readers)
        .allSatisfy(id -> assertThat(events.gpus(id)).hasSize(1))
        .allSatisfy(id -> assertThat(events.cores(id)).isEqualTo(CORES));
    assertThat(devices(output))
        .containsExactlyElementsOf(
            inferrers.stream().map(id -> "cuda:" + events.gpus(id).get(0)).sorted().toList());
  }

  @Test
  void aHostWhereDocumentsWereReadMayStillLackTheModel() {
    Path output = folder.resolve("refused");
    Path nowhere = folder.resolve("nowhere");
    Ended ended =
        JobHarness.runOn(
            dynamic(),
            input,
            output,
            args("--backend=cuda", "--infer-executor-gpus=1", "--model=" + nowhere));
    assertThat(ended.code()).as(() -> ended.err() + CLUSTER.logs()).isEqualTo(2);
    assertThat(ended.err())
        .startsWith("Error: Model folder " + nowhere + " does not exist")
        .contains("(executor ");
    assertThat(StageEvents.latest().tasks(stage -> true)).as("documents were read").isNotEmpty();
  }
}
