package dev.questspark.job;

import dev.questspark.engine.failure.ConfigException;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.api.java.function.FilterFunction;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.LongAccumulator;

/** Somebody's Spark, in a JVM of its own: no extension, no registrator, no option of ours. */
public final class PlainSession {
  private PlainSession() {}

  /**
   * @param properties of the JVM, such as a master's; without one Spark runs in it
   * @param args those of {@link #main}
   */
  public static Process start(Path folder, Map<String, String> properties, String... args)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(argument -> argument.startsWith("--add") || argument.startsWith("-XX:+Ignore"))
        .forEach(command::add);
    properties.forEach((key, value) -> command.add("-D" + key + "=" + value));
    command.addAll(List.of("-Xmx1g", "-cp", System.getProperty("java.class.path")));
    command.add(PlainSession.class.getName());
    command.addAll(List.of(args));
    return new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true).start();
  }

  static String oneLine(String text) {
    return text.replace("\n", "\\n");
  }

  /** Runs the job in the session, wrongly and rightly, on files and on rows. */
  private static void job(
      SparkSession spark, String input, String output, String model, String template) {
    Map<String, Object> options = new LinkedHashMap<>();
    options.put("model", model);
    options.put("prompt_template", template);
    options.put("kv_cache_memory_bytes", "64m");
    options.put("max_model_len", 1024);
    options.put("max_tokens", 8);
    options.put("output", output);
    spark.conf().set("spark.sql.session.timeZone", "Asia/Kolkata");
    RunResult files = QuestSpark.run(spark, with(options, "input", input));
    System.out.println("job: " + files.exitCode() + " " + files.output().equals(output));
    for (String wrong : List.of("max_tokenz", "input_format")) {
      try {
        QuestSpark.run(spark, with(with(options, "input", input), wrong, "none"));
      } catch (ConfigException refused) {
        System.out.println("refused: " + refused.getMessage());
      }
    }
    RunResult rows =
        QuestSpark.run(spark.read().json(input), with(options, "output", output + "-rows"));
    System.out.println("job on rows: " + rows.exitCode());
    QuestSpark.register(spark);
    String query =
        "select ai_answer('The gate code of the silver otter is 41234. ', 'What is the gate code of"
            + " the silver otter?', map('model', '%s', 'prompt_template', '%s'))"
                .formatted(model, template);
    String answer = spark.sql(query).head().getString(0);
    System.out.println("registered: " + answer);
    System.out.println(
        "in a session beside it: " + spark.newSession().sql(query).head().getString(0));
    System.out.println("released: " + (QuestSpark.release(spark) > 0));
    System.out.println("group: " + spark.sparkContext().getLocalProperty("spark.jobGroup.id"));
    System.out.println("zone: " + spark.conf().get("spark.sql.session.timeZone"));
    System.out.println("session: " + spark.range(3).count());
  }

  private static Map<String, Object> with(Map<String, Object> options, String name, Object value) {
    Map<String, Object> all = new LinkedHashMap<>(options);
    all.put(name, value);
    return all;
  }

  /**
   * Loads a pipeline, answers a corpus of JSON lines with it and prints what came of it; then the
   * same with the job.
   *
   * @param args the corpus, the pipeline or nothing, the output, the model, the prompt template
   */
  public static void main(String[] args) throws IOException {
    try (SparkSession spark =
        SparkSession.builder()
            .master(System.getProperty("spark.master", "local[2]"))
            .config("spark.ui.enabled", "false")
            .config("spark.driver.host", "localhost")
            .getOrCreate()) {
      if (!args[1].isEmpty()) {
        pipeline(spark, args[0], args[1]);
      }
      job(spark, args[0], args[2], args[3], args[4]);
    }
  }

  private static void pipeline(SparkSession spark, String input, String saved) {
    LongAccumulator read = spark.sparkContext().longAccumulator("rows read");
    FilterFunction<Row> counting =
        row -> {
          read.add(1);
          return true;
        };
    Dataset<Row> documents = spark.read().json(input).filter(counting);
    Dataset<Row> answered = PipelineModel.load(saved).transform(documents);
    for (Row row : answered.select("id", "found").collectAsList()) {
      System.out.println(oneLine(row.getString(0) + "|" + row.getString(1)));
    }
    read.reset();
    answered.limit(1).collectAsList();
    System.out.println("rows read for limit 1: " + read.value());
    String counted = answered.groupBy().count().queryExecution().executedPlan().toString();
    System.out.println("answers for a count: " + (counted.contains("EngineCalls") ? 1 : 0));
  }
}
