package dev.questspark.job;

import dev.questspark.job.cluster.TestProcess;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.spark.SparkConf;
import scala.Tuple2;

/** Runs whole jobs on the demo model and reads what they leave with DuckDB, a second reader. */
public final class JobHarness {
  public static final Path MODEL = Path.of("..", "demo", "model").toAbsolutePath().normalize();
  public static final Path TEMPLATE =
      Path.of("..", "conf", "prompts", "demo.txt").toAbsolutePath().normalize();

  private JobHarness() {}

  /** The folder of the engine's test driver ({@code kernels/testdriver}). */
  public static String testDriver() {
    String folder = System.getProperty("questspark.testdriver", "");
    if (folder.isEmpty()) {
      throw new IllegalStateException(
          "this test needs the test driver of kernels/testdriver; add -Dlane=cuda or -Dlane=cluster,"
              + " which build it");
    }
    return folder;
  }

  /** How a job ended. */
  public record Ended(int code, String out, String err) {}

  /**
   * The demo model on little memory, on the tests' shared Spark; what {@code args} says comes on
   * top.
   */
  public static Ended run(Path input, Path output, String... args) {
    return runWith(arguments(input, output, args));
  }

  /** The same on a Spark of the run's own, which starts and ends with it. */
  public static Ended runOn(SparkConf spark, Path input, Path output, String... args) {
    return runOn(spark, arguments(input, output, args));
  }

  static Ended runOn(SparkConf spark, String... args) {
    TestSpark.stop();
    return run(SessionProvider.OWN, spark, args);
  }

  static Ended runWith(String... args) {
    return run(TestSpark.SHARED, TestSpark.conf(), args);
  }

  private static Ended run(SessionProvider sessions, SparkConf spark, String... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    int code = LongDocJob.run(sessions, spark, new PrintStream(out), new PrintStream(err), args);
    return new Ended(
        code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }

  /** The same job with its driver in a JVM of its own, which a test may kill. */
  public static TestProcess fork(
      SparkConf spark, Path log, Path input, Path output, String... args) {
    return fork(spark, Map.of(), log, arguments(input, output, args));
  }

  /** Any job in a JVM of its own, with an environment of its own. */
  static TestProcess fork(
      SparkConf spark, Map<String, String> environment, Path log, String... args) {
    List<String> options = new ArrayList<>(List.of("-Xmx1g"));
    for (Tuple2<String, String> setting : spark.getAll()) {
      options.add("-D" + setting._1() + "=" + setting._2());
    }
    return TestProcess.start(LongDocJob.class.getName(), options, environment, log, args);
  }

  /** An evaluation on the demo model with nothing that its suite might not heed. */
  static Ended eval(Path output, String... args) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "--command=eval",
                "--model=" + MODEL,
                "--kv-cache-memory-bytes=64m",
                "--max-model-len=1024",
                "--output=" + output));
    all.addAll(List.of(args));
    return runWith(all.toArray(String[]::new));
  }

  /** The command line of {@link #run}. */
  static String[] arguments(Path input, Path output, String... args) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "--model", MODEL.toString(),
                "--prompt-template", TEMPLATE.toString(),
                "--kv-cache-memory-bytes", "64m",
                "--max-model-len", "1024",
                "--max-tokens", "8",
                "--input", input.toString(),
                "--output", output.toString()));
    all.addAll(List.of(args));
    return all.toArray(String[]::new);
  }

  /** Lines of a query's result, cells separated by bars. */
  public static List<String> query(String sql) {
    try (Connection duck = DriverManager.getConnection("jdbc:duckdb:");
        ResultSet rows = duck.createStatement().executeQuery(sql)) {
      List<String> lines = new ArrayList<>();
      while (rows.next()) {
        List<String> cells = new ArrayList<>();
        for (int i = 1; i <= rows.getMetaData().getColumnCount(); i++) {
          cells.add(rows.getString(i));
        }
        lines.add(String.join("|", cells));
      }
      return lines;
    } catch (SQLException wrong) {
      throw new AssertionError(sql, wrong);
    }
  }

  /** A part of an output folder as a DuckDB table expression. */
  public static String table(Path output, String part) {
    return "read_parquet('" + output.resolve(part) + "/*.parquet')";
  }

  /** Documents with planted codes, two questions each, of rising length. */
  public static Path corpus(Path folder, int documents) throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < documents; i++) {
      String filler = "It was a grey morning and nobody spoke on deck. ".repeat(2 + 3 * i);
      lines.append(
          """
          {"id": "doc-%d", "text": "%sThe gate code of the silver otter is 4%04d. %s", \
          "question": ["What is the gate code of the silver otter?", "What is the vault code of the wild tiger?"], \
          "answer": ["4%04d", "none"]}
          """
              .formatted(i, filler, 37 * i, filler, 37 * i));
    }
    Path file = folder.resolve("corpus.jsonl");
    Files.writeString(file, lines.toString());
    return file;
  }

  /** Many short documents of nearly equal length, two questions each. */
  public static Path shortDocuments(Path folder, int documents) throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < documents; i++) {
      lines.append(
          """
          {"id": "doc-%03d", "text": "%sThe gate code of the silver otter is 4%04d. The wind rose.", \
          "question": ["What is the gate code of the silver otter?", "What is the vault code?"]}
          """
              .formatted(i, "Nobody spoke on the grey deck. ".repeat(10 + i % 3), 37 * i));
    }
    Path file = folder.resolve("short.jsonl");
    Files.writeString(file, lines.toString());
    return file;
  }

  /** What an answer row says and has read, whoever computed it and however long it took. */
  public static List<String> content(Path output) {
    return query(
        "select doc_id, question_id, policy, cache_policy, kv_budget, status, error_code, output_text,"
            + " prompt_tokens, completion_tokens, kv_bytes_read, sparse_steps, record_key from "
            + table(output, "answers")
            + " order by all");
  }

  /** Files that {@code answers/} has now. */
  public static int answerFiles(Path output) {
    String[] files =
        output.resolve("answers").toFile().list((dir, name) -> name.endsWith(".parquet"));
    return files == null ? 0 : files.length;
  }
}
