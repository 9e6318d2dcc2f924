package dev.questspark.job;

import static dev.questspark.job.JobHarness.content;
import static dev.questspark.job.JobHarness.query;
import static dev.questspark.job.JobHarness.table;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.questspark.job.JobHarness.Ended;
import dev.questspark.job.cluster.AbortingAgent;
import dev.questspark.job.cluster.StandaloneCluster;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
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
 * Executors that die or hang at random moments: every row once, and the same answers as without.
 * {@code -Dquestspark.fault.seeds=20} tries so many moments.
 */
@Tag("cluster")
class FaultTest {
  @RegisterExtension static final StandaloneCluster CLUSTER = StandaloneCluster.shared();

  private static final int DOCUMENTS = 32;
  private static final int ROWS = DOCUMENTS * 2 * 2;
  private static final int BATCHES = ROWS / 8;
  private static final Duration PATIENCE = Duration.ofMinutes(10);
  private static final String[] OPTIONS = {
    "--selectors=all,quest",
    "--kv-budgets=64",
    "--sparse-skip-layers=1",
    "--partitions=4",
    "--answer-batch-rows=8",
    "--max-num-batched-tokens=256"
  };

  @TempDir static Path shared;
  @TempDir Path folder;
  private static Path input;
  private static List<String> undisturbed;

  @BeforeAll
  static void runUndisturbed() throws IOException {
    input = JobHarness.shortDocuments(shared, DOCUMENTS);
    Ended ended = JobHarness.run(input, shared.resolve("out"), OPTIONS);
    assertThat(ended.code()).as(ended.err()).isZero();
    undisturbed = content(shared.resolve("out"));
    assertThat(undisturbed).hasSize(ROWS);
  }

  static LongStream seeds() {
    return LongStream.rangeClosed(1, Integer.getInteger("questspark.fault.seeds", 3));
  }

  /** Starts the job and returns when so many batches are committed. */
  private static CompletableFuture<Ended> runUntil(int batches, SparkConf spark, Path output) {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (!CLUSTER.executors().isEmpty()) { // of the run before
      assertThat(System.nanoTime()).as("executors of the run before ended").isLessThan(end);
      pause();
    }
    CompletableFuture<Ended> job =
        CompletableFuture.supplyAsync(() -> JobHarness.runOn(spark, input, output, OPTIONS));
    while (JobHarness.answerFiles(output) < batches) {
      assertThat(job).as("the job ended before the fault").isNotDone();
      assertThat(System.nanoTime()).as("batches in time").isLessThan(end);
      pause();
    }
    return job;
  }

  private static void pause() {
    try {
      Thread.sleep(5);
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(stopped);
    }
  }

  private static void assertEveryRowOnce(Ended ended, Path output) {
    assertThat(ended.code()).as(ended.err() + ended.out()).isZero();
    assertThat(content(output)).doesNotHaveDuplicates().isEqualTo(undisturbed);
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  void aKilledExecutorCostsNoRow(long seed) {
    Random random = new Random(seed);
    Path output = folder.resolve("out");
    int moment = 1 + random.nextInt(BATCHES / 2);
    CompletableFuture<Ended> job = runUntil(moment, CLUSTER.conf(), output);
    List<ProcessHandle> executors = CLUSTER.executors();
    ProcessHandle victim = executors.get(random.nextInt(executors.size()));
    victim.destroyForcibly(); // SIGKILL
    Ended ended = job.join();

    assertEveryRowOnce(ended, output);
    assertThat(victim.isAlive()).isFalse();
    System.out.printf(
        "seed %d: killed after %d of %d batches; %d rows in, %d rows out; %s%n",
        seed,
        moment,
        BATCHES,
        ROWS,
        content(output).size(),
        query(
                "select count(*) filter (attempt > 0) || ' rows by a later attempt, executors: '"
                    + " || count(distinct executor_id) from "
                    + table(output, "answers"))
            .get(0));
  }

  @Test
  void anExecutorThatHangsAndComesBackDoublesNoRow() throws Exception {
    Path output = folder.resolve("out");
    SparkConf eager =
        CLUSTER
            .conf()
            .set("spark.network.timeout", "30s") // then Spark takes the executor for dead
            .set("spark.network.timeoutInterval", "10s")
            .set("spark.speculation", "true")
            .set("spark.speculation.interval", "100ms")
            .set("spark.speculation.quantile", "0.25")
            .set("spark.speculation.multiplier", "1.1")
            .set("spark.speculation.minTaskRuntime", "100ms");
    // After the first batch both tasks have work left; their last batches come in quick succession.
    CompletableFuture<Ended> job = runUntil(1, eager, output);
    ProcessHandle hanging = CLUSTER.executors().get(0);
    signal("STOP", hanging);
    Ended ended = job.join();
    signal("CONT", hanging);

    assertEveryRowOnce(ended, output);
    assertThat(query("select max(attempt) from " + table(output, "answers")))
        .as("another attempt finished what the hanging task had begun")
        .isNotEqualTo(List.of("0"));
  }

  /**
   * A model, or the native code under it, that ends its process over some documents of a corpus.
   * {@code questspark.soak.poisoned.documents} makes the corpus larger, with a poisoned document in
   * a thousand, and {@code questspark.soak.kills} kills executors beside it.
   */
  @Test
  void aDocumentThatEndsItsExecutorIsQuarantinedAfterTwoDeaths() throws IOException {
    int healthy = Integer.getInteger("questspark.soak.poisoned.documents", 12);
    int kills = Integer.getInteger("questspark.soak.kills", 0);
    int poisons = 1 + healthy / 1000;
    Path poisoned = poisonedCorpus(healthy, poisons);
    // two executors of one core each, although nothing names an executor's cores
    SparkConf spark = CLUSTER.conf().remove("spark.executor.cores");
    spark.set(
        "spark.executor.extraJavaOptions",
        spark.get("spark.executor.extraJavaOptions")
            + " "
            + AbortingAgent.options(folder, "poison"));
    Path output = folder.resolve("out");
    CompletableFuture<Ended> job =
        CompletableFuture.supplyAsync(() -> JobHarness.runOn(spark, poisoned, output, OPTIONS));
    Random random = new Random(healthy);
    int batches = (healthy + poisons) * 4 / 8;
    int killed = 0;
    while (!job.isDone()) {
      List<ProcessHandle> executors = CLUSTER.executors();
      if (killed < kills
          && !executors.isEmpty()
          && JobHarness.answerFiles(output) > (killed + 1) * batches / (kills + 1)) {
        executors.get(random.nextInt(executors.size())).destroyForcibly();
        killed++;
      }
      pause();
    }
    Ended ended = job.join();

    assertThat(ended.code()).as(() -> ended.err() + ended.out() + CLUSTER.logs()).isZero();
    List<String> rows = content(output);
    assertThat(rows).hasSize((healthy + poisons) * 2 * 2).doesNotHaveDuplicates();
    List<String> others = rows.stream().filter(row -> !row.startsWith("poison")).toList();
    assertThat(others)
        .as("all others are answered, none is taken for poison")
        .hasSize(healthy * 2 * 2)
        .allMatch(row -> row.contains("|ok|"));
    if (healthy <= DOCUMENTS) {
      assertThat(others).isSubsetOf(undisturbed);
    }
    assertThat(rows)
        .filteredOn(row -> row.startsWith("poison"))
        .hasSize(4 * poisons)
        .allMatch(row -> row.contains("|error|POISON_DOCUMENT|"));
    assertThat(ended.out())
        .contains(
            "Command exited with code 134", "its process aborted", "memory: an executor needs");
    JsonObject run =
        JsonParser.parseString(Files.readString(output.resolve("run.json"))).getAsJsonObject();
    int lost = run.getAsJsonArray("executors_lost").size();
    if (kills == 0 && poisons == 1) {
      assertThat(lost).as("executors that one document ended").isEqualTo(2);
    }
    assertThat(run.getAsJsonObject("errors").get("POISON_DOCUMENT").getAsInt())
        .isEqualTo(4 * poisons);
    assertThat(run.get("rows_answered").getAsInt()).isEqualTo(rows.size());
    assertThat(query("select distinct engines_lost from " + table(output, "stats")))
        .containsExactly(String.valueOf(lost));
    assertThat(run.getAsJsonObject("engines").toString())
        .as("threads are the executor's cores")
        .contains("1 thread")
        .doesNotContain("2 threads");
    System.out.printf(
        "soak: %d documents, %d of them poison, %d kills, %d executors lost; %d rows in, %d rows"
            + " out, %d healthy documents without an answer%n",
        healthy + poisons,
        poisons,
        killed,
        lost,
        (healthy + poisons) * 4,
        rows.size(),
        healthy - others.size() / 4);
  }

  private Path poisonedCorpus(int healthy, int poisons) throws IOException {
    List<String> lines =
        new ArrayList<>(Files.readAllLines(JobHarness.shortDocuments(folder, healthy)));
    for (int poison = 0; poison < poisons; poison++) {
      lines.add(
          lines.size() * (poison + 1) / (poisons + 1),
          lines.get(0).replaceFirst("doc-\\d+", "poison-%03d".formatted(poison)));
    }
    Path file = folder.resolve("poisoned.jsonl");
    Files.write(file, lines);
    return file;
  }

  private static void signal(String name, ProcessHandle process) throws Exception {
    new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid())).start().waitFor();
  }
}
