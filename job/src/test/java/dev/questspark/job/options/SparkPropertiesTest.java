package dev.questspark.job.options;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.yaml.snakeyaml.Yaml;

/** What {@code conf/spark} ships can be read by those whom it is for. */
class SparkPropertiesTest {
  private static final Path CONF = Path.of("..", "conf").toAbsolutePath().normalize();

  private static List<Path> files(Path folder, String ending) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.toString().endsWith(ending)).sorted().toList();
    }
  }

  @Test
  void everyPropertiesFileIsSparks() throws IOException {
    List<Path> files = files(CONF.resolve("spark"), ".properties");
    assertThat(files).hasSize(4);
    for (Path file : files) {
      Properties properties = new Properties();
      try (Reader reader = Files.newBufferedReader(file)) {
        properties.load(reader);
      }
      assertThat(properties.stringPropertyNames()).allMatch(key -> key.startsWith("spark."));
      assertThat(properties.stringPropertyNames())
          .as(file.toString())
          .anyMatch(key -> key.contains(".resource.gpu.amount"));
    }
    Map<String, Object> pod =
        new Yaml().load(Files.readString(CONF.resolve("spark/executor-pod.yaml")));
    assertThat(pod).containsEntry("kind", "Pod").containsKey("spec");
  }
}
