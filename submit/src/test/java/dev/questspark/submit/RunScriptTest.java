package dev.questspark.submit;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * run.sh as a user calls it: the shaded jar, Spark's own SparkSubmit in a process of its own, the
 * demo.
 */
class RunScriptTest {
  private static final Path HOME = Path.of("..").toAbsolutePath().normalize();
  private static final int MINUTES = 10;

  @TempDir Path folder;

  private record Ended(int code, String out, String err) {}

  private Ended run(String... args) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(HOME.resolve("submit/run.sh").toString()));
    command.addAll(List.of(args));
    Path out = folder.resolve("stdout");
    Path err = folder.resolve("stderr");
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().remove("SPARK_HOME");
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    Process process = builder.redirectOutput(out.toFile()).redirectError(err.toFile()).start();
    assertThat(process.waitFor(MINUTES, TimeUnit.MINUTES)).as("ends in time").isTrue();
    return new Ended(process.exitValue(), read(out), read(err));
  }

  private static String read(Path file) throws IOException {
    return Files.readString(file, StandardCharsets.UTF_8);
  }

  @Test
  void theDemoAnswersFromAFractionOfTheContext() throws Exception {
    Path output = folder.resolve("out");
    Ended ended =
        run("demo", "--output", output.toString(), "--selectors", "all,quest,sink_recent");

    assertThat(ended.code()).as(ended.out() + ended.err()).isZero();
    assertThat(ended.err()).contains("spark-submit --class dev.questspark.job.LongDocJob");
    assertThat(ended.out()).contains("accuracy", output + "/answers", output + "/run.json");
    String answers = "read_parquet('" + output.resolve("answers") + "/*.parquet')";
    assertThat(cell("select count(*) from " + answers)).isEqualTo(3 * 52);
    assertThat(cell("select count(distinct (doc_id, question_id)) from " + answers)).isEqualTo(52);
    assertThat(cell("select count(*) from " + answers + " where status <> 'ok'")).isZero();
    double dense = accuracy(answers, "all");
    assertThat(dense).isGreaterThanOrEqualTo(0.95);
    assertThat(accuracy(answers, "quest")).isGreaterThanOrEqualTo(dense - 0.02);
    assertThat(accuracy(answers, "sink_recent")).as("the negative control").isLessThan(0.3);
    // ten documents, each prefilled once for three policies and all questions
    assertThat(cell("select count(*) from " + answers + " where cached_tokens = 0")).isEqualTo(10);
  }

  private static double accuracy(String answers, String selector) {
    return cell(
        "select avg(answer_correct::int) from "
            + answers
            + " where sparse_policy = '"
            + selector
            + "'");
  }

  private static double cell(String sql) {
    try (Connection duck = DriverManager.getConnection("jdbc:duckdb:");
        ResultSet rows = duck.createStatement().executeQuery(sql)) {
      rows.next();
      return rows.getDouble(1);
    } catch (SQLException wrong) {
      throw new AssertionError(sql, wrong);
    }
  }

  @Test
  void mistakesAreOneSentence() throws Exception {
    Ended preset = run("demoo");
    assertThat(preset.code()).isEqualTo(2);
    assertThat(preset.err()).contains("unknown preset 'demoo'; known: ", "demo");

    Ended option = run("demo", "--kv-bugdet", "5", "--output", folder.resolve("x").toString());
    assertThat(option.code()).isEqualTo(2);
    assertThat(option.err())
        .contains("'kv-bugdet'", "did you mean kv_budget")
        .doesNotContain("\tat ");

    Ended help = run("--help");
    assertThat(help.code()).isZero();
    assertThat(help.out()).contains("submit/run.sh demo", "Presets:", "--master");
  }
}
