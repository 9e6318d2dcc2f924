package dev.questspark.submit;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The archive of profile release, unpacked where there is no source tree. */
@Tag("submit")
class ReleaseArchiveTest {
  private static final Path SPARK = RunScript.HOME.resolve("submit/target/spark");

  @TempDir static Path unpacked;
  @TempDir Path folder;

  private static Path release;

  @BeforeAll
  static void unpack() throws Exception {
    RunScript.run(unpacked, "--job-help"); // builds the jar if a source is newer
    ended(
        RunScript.HOME.resolve("mvnw").toString(),
        "-f",
        RunScript.HOME.resolve("pom.xml").toString(),
        "-B",
        "-q",
        "-P",
        "release",
        "-pl",
        "submit",
        "package",
        "-Dmaven.test.skip=true",
        "-Dspotless.check.skip=true");
    try (Stream<Path> built = Files.list(RunScript.HOME.resolve("submit/target"))) {
      Path archive =
          built.filter(file -> file.toString().endsWith("-spark-4.1.tar.gz")).findFirst().get();
      ended("tar", "xzf", archive.toString(), "-C", unpacked.toString());
    }
    try (Stream<Path> found = Files.list(unpacked)) {
      release = found.filter(Files::isDirectory).findFirst().get();
    }
  }

  private static void ended(String... command) throws Exception {
    RunScript ended = RunScript.start(unpacked, Map.of(), List.of(command));
    assertThat(ended.code()).as(ended.out() + ended.err()).isZero();
  }

  private RunScript run(Map<String, String> environment, String... args) throws Exception {
    String script = release.resolve("submit/run.sh").toString();
    return RunScript.start(
        folder, environment, Stream.concat(Stream.of(script), Stream.of(args)).toList());
  }

  @Test
  void itRunsTheDemoWithoutABuild() throws Exception {
    Path output = folder.resolve("out");
    RunScript demo =
        run(Map.of("SPARK_HOME", SPARK.toString()), "demo", "--output", output.toString());
    assertThat(demo.code()).as(demo.out() + demo.err()).isZero();
    assertThat(demo.err())
        .contains(release.resolve("lib/questspark-job.jar").toString())
        .doesNotContain("Building");
    String answers = "read_parquet('" + output.resolve("answers") + "/*.parquet')";
    assertThat(DuckDb.cell("select count(*) from " + answers + " where status = 'ok'"))
        .isEqualTo(2 * 52);
  }

  @Test
  void itHoldsWhatAUserNeedsAndNoSources() {
    assertThat(
            List.of(
                "LICENSE",
                "NOTICE",
                "README.md",
                "CHANGELOG.md",
                "conf/demo.conf",
                "docs/flow.svg",
                "demo/model/config.json",
                "submit/gpu-discovery.sh"))
        .allMatch(name -> Files.exists(release.resolve(name)));
    assertThat(List.of("pom.xml", "job", "engine", "demo/train"))
        .noneMatch(name -> Files.exists(release.resolve(name)));
    assertThat(release.resolve("submit/run.sh")).isExecutable();
  }

  /** Where SPARK_HOME is not set: a spark-submit on the PATH, else the pyspark of python3. */
  @Test
  void itFindsSparkOrSaysHowToGiveIt() throws Exception {
    Path home = folder.resolve("spark");
    script(home.resolve("bin/spark-submit"), "echo submitted \"$@\"");
    Files.createDirectories(home.resolve("jars"));
    Files.createFile(home.resolve("jars/spark-core_2.13-4.1.0.jar"));
    RunScript onPath =
        run(Map.of("PATH", home.resolve("bin") + ":" + System.getenv("PATH")), "demo");
    assertThat(onPath.out()).as(onPath.err()).contains("submitted --class", "questspark-job.jar");

    Path python = folder.resolve("python");
    script(python.resolve("python3"), "echo " + home);
    RunScript pyspark = run(Map.of("PATH", python + ":" + System.getenv("PATH")), "demo");
    assertThat(pyspark.out()).as(pyspark.err()).contains("submitted --class");

    script(python.resolve("python3"), "exit 1");
    RunScript none = run(Map.of("PATH", python + ":" + System.getenv("PATH")), "demo");
    assertThat(none.code()).isEqualTo(2);
    assertThat(none.err()).startsWith("Error: no Spark was found; set SPARK_HOME");
  }

  @Test
  void aSparkThatItHasNoJarForIsOneSentence() throws Exception {
    Path home = folder.resolve("spark");
    Files.createDirectories(home.resolve("jars"));
    Files.createFile(home.resolve("jars/spark-core_2.13-3.5.6.jar"));
    RunScript refused = run(Map.of("SPARK_HOME", home.toString()), "demo");
    assertThat(refused.code()).isEqualTo(2);
    assertThat(refused.err()).contains("this release has no jar for Spark 3.5");
  }

  private static void script(Path file, String line) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, "#!/bin/sh\n" + line + "\n");
    assertThat(file.toFile().setExecutable(true)).isTrue();
  }
}
