package dev.questspark.submit;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** run.sh compares java with what the chosen Spark runs on, before it builds or starts anything. */
@Tag("submit")
class JavaForSparkTest {
  @TempDir Path folder;

  @Test
  void aJavaThatTheChosenSparkDoesNotRunOnIsOneSentence() throws Exception {
    assertThat(refusal("25.0.1", "4.1"))
        .isEqualTo(
            "Error: Spark 4.1 needs Java 17 or 21, but "
                + folder
                + "/25.0.1/bin/java is Java 25; set JAVA_HOME to a Java 17 or 21, for example:"
                + " export JAVA_HOME=/usr/lib/jvm/java-17-openjdk-amd64\n");
    assertThat(refusal("11.0.2", "4.1")).contains("is Java 11; set JAVA_HOME to a Java 17 or 21");
    assertThat(refusal("1.8.0_402", "3.5")).contains("is Java 8; set JAVA_HOME to a Java 17,");
    assertThat(refusal("21.0.4", "3.5")).contains("Spark 3.5 needs Java 17, but", "is Java 21");
  }

  @Test
  void aJavaHomeWithoutJavaIsOneSentence() throws Exception {
    RunScript ended = RunScript.run(folder, Map.of("JAVA_HOME", "/nowhere"), "demo");
    assertThat(ended.code()).isEqualTo(2);
    assertThat(ended.err())
        .isEqualTo(
            "Error: JAVA_HOME is /nowhere, which has no bin/java; set it to a Java 17 or 21\n");
  }

  @Test
  void theJavaThatSparkHomeSetsIsSparksBusiness() throws Exception {
    Path home = folder.resolve("spark");
    Files.createDirectories(home.resolve("jars"));
    Files.createFile(home.resolve("jars/spark-core_2.13-4.1.0.jar"));
    script(home.resolve("bin/spark-submit"), "echo submitted");
    script(home.resolve("conf/spark-env.sh"), "export JAVA_HOME=/opt/java-17");
    Map<String, String> environment =
        Map.of("SPARK_HOME", home.toString(), "JAVA_HOME", java("25.0.1").toString());
    RunScript ended = RunScript.run(folder, environment, "demo");
    assertThat(ended.out()).as(ended.err()).isEqualTo("submitted\n");

    script(home.resolve("conf/spark-env.sh"), "# JAVA_HOME=/opt/java-17");
    assertThat(RunScript.run(folder, environment, "demo").err()).contains("is Java 25");
  }

  private String refusal(String version, String spark) throws Exception {
    RunScript ended =
        RunScript.run(
            folder, Map.of("JAVA_HOME", java(version).toString()), "demo", "--spark", spark);
    assertThat(ended.code()).as(ended.out() + ended.err()).isEqualTo(2);
    assertThat(ended.out()).isEmpty();
    return ended.err();
  }

  /** A folder whose java knows its version and nothing else. */
  private Path java(String version) throws IOException {
    Path home = folder.resolve(version);
    script(home.resolve("bin/java"), "echo 'openjdk version \"" + version + "\" 2025-10-21' >&2");
    return home;
  }

  private static void script(Path file, String line) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, "#!/bin/sh\n" + line + "\n");
    assertThat(file.toFile().setExecutable(true)).isTrue();
  }
}
