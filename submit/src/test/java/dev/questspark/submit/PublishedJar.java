package dev.questspark.submit;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.spark.launcher.JavaModuleOptions;

/** The jar of one Spark in a Maven repository of its own, and programs that take it from there. */
final class PublishedJar {
  private static final Pattern VERSION = Pattern.compile("<version>([^<]+)</version>");

  private final String spark;
  private final Path folder;

  private PublishedJar(String spark, Path folder) {
    this.spark = spark;
    this.folder = folder;
  }

  /**
   * Publishes the jar, which must have been built.
   *
   * @param spark its line, such as 4.1
   * @param profile of Maven for that Spark; none for the default
   * @param folder gets the repository
   */
  static PublishedJar of(String spark, List<String> profile, Path folder) throws Exception {
    PublishedJar jar = new PublishedJar(spark, folder);
    List<String> command = new ArrayList<>(List.of(RunScript.HOME.resolve("mvnw").toString()));
    command.addAll(List.of("-f", RunScript.HOME.resolve("pom.xml").toString(), "-B", "-q"));
    command.addAll(profile);
    command.addAll(List.of("-pl", "job", "deploy:deploy-file@publish"));
    command.add("-Durl=" + jar.repository().toUri());
    RunScript ended = RunScript.start(folder, Map.of(), command);
    assertThat(ended.code()).as(ended.out() + ended.err()).isZero();
    return jar;
  }

  Path repository() {
    return folder.resolve("repository");
  }

  String coordinate() throws IOException {
    Matcher version = VERSION.matcher(Files.readString(RunScript.HOME.resolve("pom.xml")));
    assertThat(version.find()).isTrue();
    return "dev.questspark:questspark-spark-" + spark + "_2.13:" + version.group(1);
  }

  /** What the repository holds, checksums and listings of versions aside. */
  List<String> files() throws IOException {
    try (Stream<Path> files = Files.walk(repository())) {
      return files
          .filter(Files::isRegularFile)
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(".jar") || name.endsWith(".pom"))
          .sorted()
          .toList();
    }
  }

  /**
   * Runs {@link SqlAnswers} on Spark's jars alone, with the jar by its coordinate: the repository
   * is the only one that is asked, and nothing has been resolved before.
   *
   * @param sparkJars folder of Spark's jars
   */
  RunScript answers(Path sparkJars, String... queries) throws Exception {
    Path empty = Files.createDirectories(folder.resolve("home"));
    List<String> command =
        new ArrayList<>(List.of(System.getProperty("java.home") + "/bin/java", "-Xmx1g"));
    command.addAll(List.of(JavaModuleOptions.defaultModuleOptionArray()));
    command.addAll(
        List.of(
            "-Duser.home=" + empty,
            "-cp",
            sparkJars
                + "/*"
                + File.pathSeparator
                + Path.of("target", "test-classes").toAbsolutePath(),
            "org.apache.spark.deploy.SparkSubmit",
            "--master",
            "local[1]",
            "--packages",
            coordinate(),
            "--class",
            SqlAnswers.class.getName()));
    conf(command, "spark.jars.ivy", empty.resolve("ivy").toString());
    conf(command, "spark.ui.enabled", "false");
    conf(command, "spark.driver.host", "localhost");
    conf(command, "spark.sql.warehouse.dir", empty.resolve("warehouse").toString());
    conf(command, "spark.sql.extensions", "dev.questspark.job.sql.QuestSparkExtensions");
    conf(command, "spark.questspark.model", RunScript.HOME.resolve("demo/model").toString());
    conf(
        command,
        "spark.questspark.prompt_template",
        RunScript.HOME.resolve("conf/prompts/demo.txt").toString());
    conf(command, "spark.questspark.kv_cache_memory_bytes", "64m");
    conf(command, "spark.questspark.max_model_len", "1024");
    command.add("spark-internal");
    command.addAll(List.of(queries));
    return RunScript.start(
        folder, Map.of("DEFAULT_ARTIFACT_REPOSITORY", repository().toUri().toString()), command);
  }

  private static void conf(List<String> command, String key, String value) {
    command.addAll(List.of("--conf", key + "=" + value));
  }

  /** The rows that a run of {@link #answers} printed. */
  static List<String> rows(RunScript ended) {
    assertThat(ended.code()).as(ended.out() + ended.err()).isZero();
    return ended
        .out()
        .lines()
        .filter(line -> line.startsWith(SqlAnswers.ROW))
        .map(line -> line.substring(SqlAnswers.ROW.length()))
        .toList();
  }
}
