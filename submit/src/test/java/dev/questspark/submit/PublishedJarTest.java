package dev.questspark.submit;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code --packages} with the jar's coordinate is all that a Spark needs. */
@Tag("submit")
class PublishedJarTest {
  @TempDir Path folder;

  @Test
  void oneJarByItsCoordinateAnswers() throws Exception {
    RunScript.run(folder, "--job-help"); // builds the jar if a source is newer
    PublishedJar jar = PublishedJar.of("4.1", List.of(), folder);
    assertThat(jar.files()).hasSize(2);
    RunScript ended =
        jar.answers(
            RunScript.HOME.resolve("submit/target/spark/jars"),
            "select ai_answer('The gate code of the silver otter is 41234. ',"
                + " 'What is the gate code of the silver otter?', max_tokens => 8)");
    assertThat(PublishedJar.rows(ended)).containsExactly(" 41234");
    try (Stream<Path> drawn = Files.list(folder.resolve("home/ivy/jars"))) {
      assertThat(drawn).as("what was resolved").hasSize(1);
    }
  }
}
