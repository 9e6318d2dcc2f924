package dev.questspark.job.progress;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.TestSpark;
import dev.questspark.job.infer.RunCounters;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The line over a real Spark job whose tasks only count. */
@Tag("spark")
class ProgressLineTest {
  private static final String RATES = "\\S+ prompt tok/s, \\S+ generated tok/s, [01234] errors, ";

  private static String shown(boolean terminal, long expectedRows) {
    SparkContext spark = TestSpark.session().sparkContext();
    RunCounters counters = RunCounters.register(spark);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ProgressLine progress =
        new ProgressLine(new PrintStream(out), terminal, counters, expectedRows / 2, expectedRows);
    CountDownLatch ended = new CountDownLatch(4);
    SparkListener last =
        new SparkListener() {
          @Override
          public void onTaskEnd(SparkListenerTaskEnd end) {
            ended.countDown();
          }
        };
    spark.addSparkListener(progress);
    spark.addSparkListener(last); // listeners of one queue hear in order: the line was first
    List<Integer> rows = IntStream.range(0, 40).boxed().toList();
    try (progress) {
      JavaSparkContext.fromSparkContext(spark)
          .parallelize(rows, 4)
          .foreach(
              row -> {
                counters.documents().add(row % 2);
                counters.rows().add(1);
                counters.errors().add(row % 10 == 0 ? 1 : 0);
                counters.generatedTokens().add(50);
                counters.computedTokens().add(1000);
              });
      ended.await();
    } catch (InterruptedException stopped) {
      throw new AssertionError(stopped);
    } finally {
      spark.removeSparkListener(last);
      spark.removeSparkListener(progress);
    }
    return out.toString(StandardCharsets.UTF_8);
  }

  @Test
  void aTerminalSeesOneLineThatRenewsItself() {
    String shown = shown(true, 80);
    assertThat(shown).endsWith(System.lineSeparator()).startsWith("\r");
    List<String> states =
        shown.strip().lines().flatMap(l -> List.of(l.split("\r")).stream()).toList();
    assertThat(states.get(0))
        .matches("\\[==?.* ] 5/40 documents, 10/80 answers, " + RATES + "ETA (-|\\d+s) *");
    assertThat(states.get(states.size() - 1))
        .matches("\\[=========>          ] 20/40 documents, 40/80 answers, " + RATES + "\\d+s *")
        .contains("4 errors");
  }

  @Test
  void aLogSeesLinesWithoutControlCharacters() {
    String shown = shown(false, 40);
    assertThat(shown).doesNotContain("\r", "[=");
    assertThat(shown.lines().toList())
        .last()
        .asString()
        .matches("20/20 documents, 40/40 answers, " + RATES + "\\d+s");
  }

  @Test
  void nothingIsShownBeforeTheFirstAnswer() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    RunCounters counters = RunCounters.register(TestSpark.session().sparkContext());
    new ProgressLine(new PrintStream(out), true, counters, 5, 10).close();
    assertThat(out.toString(StandardCharsets.UTF_8)).isEmpty();
  }

  @Test
  void quantitiesReadWell() {
    assertThat(Quantities.count(1035)).isEqualTo("1035");
    assertThat(Quantities.count(12_934)).isEqualTo("12.9k");
    assertThat(Quantities.count(1_200_000)).isEqualTo("1.2M");
    assertThat(Quantities.count(3.14)).isEqualTo("3.1");
    assertThat(Quantities.duration(59.4)).isEqualTo("59s");
    assertThat(Quantities.duration(125)).isEqualTo("2m05s");
    assertThat(Quantities.duration(7260)).isEqualTo("2h01m");
    assertThat(Quantities.percent(null)).isEqualTo("-");
  }
}
