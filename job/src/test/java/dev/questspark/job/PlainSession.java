package dev.questspark.job;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.api.java.function.FilterFunction;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.LongAccumulator;

/** Somebody's Spark, in a JVM of its own: no extension, no registrator, no option of ours. */
final class PlainSession {
  private PlainSession() {}

  static Process start(Path folder, String... args) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(argument -> argument.startsWith("--add") || argument.startsWith("-XX:+Ignore"))
        .forEach(command::add);
    command.addAll(List.of("-Xmx1g", "-cp", System.getProperty("java.class.path")));
    command.add(PlainSession.class.getName());
    command.addAll(List.of(args));
    return new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true).start();
  }

  static String oneLine(String text) {
    return text.replace("\n", "\\n");
  }

  /** Loads a pipeline, answers a corpus of JSON lines with it and prints what came of it. */
  public static void main(String[] args) throws IOException {
    try (SparkSession spark =
        SparkSession.builder()
            .master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.driver.host", "localhost")
            .getOrCreate()) {
      LongAccumulator read = spark.sparkContext().longAccumulator("rows read");
      FilterFunction<Row> counting =
          row -> {
            read.add(1);
            return true;
          };
      Dataset<Row> documents = spark.read().json(args[0]).filter(counting);
      Dataset<Row> answered = PipelineModel.load(args[1]).transform(documents);
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
}
