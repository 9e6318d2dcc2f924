package dev.questspark.job;

import static dev.questspark.job.JobHarness.query;
import static dev.questspark.job.JobHarness.table;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.questspark.job.executor.ExecutorEngine;
import dev.questspark.job.options.BoundOptions;
import dev.questspark.job.options.resolve.CommandLineFlags;
import dev.questspark.job.options.resolve.OptionBinder;
import dev.questspark.job.options.resolve.OptionResolver;
import dev.questspark.job.plugin.QuestSparkPlugin;
import dev.questspark.job.run.JobRun;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.SparkConf;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerJobStart;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The gauges as Prometheus would fetch them, held against the statistics of the same run. */
@Tag("spark")
class EngineMetricsTest {
  private static final Pattern GAUGE =
      Pattern.compile("(?m)^metrics_\\S*QuestSparkPlugin_(\\w+)_Value\\{\\S*} (\\S+)$");

  @TempDir Path folder;

  @AfterEach
  void stop() {
    if (SparkSession.getDefaultSession().isDefined()) {
      SparkSession.getDefaultSession().get().stop();
    }
  }

  private SparkSession session() {
    TestSpark.stop();
    SparkConf conf = TestSpark.conf().set("spark.ui.enabled", "true").set("spark.ui.port", "0");
    return SparkSession.builder().config(SparkSettings.of(conf)).getOrCreate();
  }

  @Test
  void theEndpointTellsWhatTheStatisticsSay() throws Exception {
    SparkSession spark = session();
    Path output = folder.resolve("out");
    BoundOptions options =
        OptionBinder.bind(
            OptionResolver.resolve(
                CommandLineFlags.parse(
                    JobHarness.arguments(
                        JobHarness.shortDocuments(folder, 24),
                        output,
                        "--selectors=all,quest",
                        "--kv-budgets=64,full")),
                List.of()));
    JobRun run = new JobRun(options, new PrintStream(new ByteArrayOutputStream()));
    Set<String> described = ConcurrentHashMap.newKeySet();
    spark
        .sparkContext()
        .addSparkListener(
            new SparkListener() {
              @Override
              public void onJobStart(SparkListenerJobStart job) {
                described.add(
                    job.properties().getProperty("spark.jobGroup.id")
                        + ": "
                        + job.properties().getProperty("spark.job.description"));
              }
            });
    CompletableFuture<Integer> ended =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return run.run(spark);
              } catch (IOException unexpected) {
                throw new AssertionError(unexpected);
              }
            });
    Map<String, Double> most = new HashMap<>();
    while (!ended.isDone()) {
      gauges(spark).forEach((name, value) -> most.merge(name, value, Math::max));
      Thread.sleep(5);
    }
    assertThat(ended.get()).isZero();
    assertThat(most.get("running")).isBetween(1.0, 8.0);
    assertThat(most.get("kv_pages_used")).isBetween(1.0, most.get("kv_pages"));

    Map<String, Double> after = gauges(spark);
    String stats = " from " + table(output, "stats");
    for (String counted : List.of("kv_bytes_read", "kv_bytes_dense", "decode_tokens")) {
      assertThat(after.get(counted)).as(counted).isEqualTo(number("sum(" + counted + ")" + stats));
    }
    for (String ofEngine : List.of("prefill_tokens", "engine_steps", "kv_pages", "engines")) {
      assertThat(after.get(ofEngine))
          .as(ofEngine)
          .isEqualTo(number("any_value(" + ofEngine + ")" + stats));
    }
    assertThat(after.get("prefill_throughput"))
        .isCloseTo(number("any_value(prefill_throughput)" + stats), within(1e-6));
    assertThat(after.get("decode_throughput"))
        .isCloseTo(number("sum(decode_tokens) / sum(decode_s)" + stats), within(1e-6));
    assertThat(after.get("kv_bytes_read")).isLessThan(after.get("kv_bytes_dense"));
    assertThat(after.get("engine_busy_share")).isPositive().isLessThanOrEqualTo(1);
    assertThat(after).containsEntry("running", 0.0).containsEntry("waiting", 0.0);
    assertThat(after).containsEntry("kv_pages_used", 0.0);

    String runId = query("select any_value(run_id)" + stats).get(0);
    assertThat(described).contains(runId + ": answers with dense; quest 64, 2 dense layers");

    stop();
    assertThat(ExecutorEngine.activity().engines()).as("closed with the executor").isZero();
  }

  @Test
  void thePluginStandsBehindTheUsers() {
    SparkConf none = new SparkConf(false);
    QuestSparkPlugin.addTo(none);
    assertThat(none.get("spark.plugins")).isEqualTo(QuestSparkPlugin.class.getName());
    SparkConf theirs = new SparkConf(false).set("spark.plugins", "a.B,c.D");
    QuestSparkPlugin.addTo(theirs);
    QuestSparkPlugin.addTo(theirs);
    assertThat(theirs.get("spark.plugins"))
        .isEqualTo("a.B,c.D," + QuestSparkPlugin.class.getName());
  }

  private static double number(String select) {
    return Double.parseDouble(query("select " + select).get(0));
  }

  private static Map<String, Double> gauges(SparkSession spark) throws Exception {
    URI endpoint = URI.create(spark.sparkContext().uiWebUrl().get() + "/metrics/prometheus/");
    HttpResponse<String> page =
        HttpClient.newHttpClient()
            .send(HttpRequest.newBuilder(endpoint).build(), HttpResponse.BodyHandlers.ofString());
    assertThat(page.statusCode()).isEqualTo(200);
    Map<String, Double> gauges = new HashMap<>();
    for (Matcher line = GAUGE.matcher(page.body()); line.find(); ) {
      gauges.put(line.group(1), Double.valueOf(line.group(2)));
    }
    assertThat(gauges).hasSize(15);
    return gauges;
  }
}
