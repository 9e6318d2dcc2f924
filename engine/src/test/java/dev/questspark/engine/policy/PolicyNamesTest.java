package dev.questspark.engine.policy;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.policy.cache.CacheParts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Nobody asks for a policy by its name. */
class PolicyNamesTest {
  /** String literals that a source file holds: registered names in quotes. */
  private static List<String> literals(Path source, List<String> names) {
    try {
      String text = Files.readString(source);
      return names.stream().filter(name -> text.contains('"' + name + '"')).toList();
    } catch (IOException unreadable) {
      throw new AssertionError(source.toString(), unreadable);
    }
  }

  @Test
  void onlyTheRegistryAndThePolicysOwnClassNameIt() throws IOException {
    assertNamedByItself(ReadPolicies.KNOWN, "ReadPolicies.java", ReadPolicies.KNOWN.names());
    Set<String> parts = new LinkedHashSet<>(CacheParts.KNOWN.names());
    parts.removeAll(ReadPolicies.KNOWN.names()); // a dense prefill has its name from there
    parts.removeAll(Stream.of(DType.values()).map(DType::optionName).toList()); // so has a format
    assertNamedByItself(CacheParts.KNOWN, "CacheParts.java", parts);
  }

  private static void assertNamedByItself(
      PolicyRegistry<?> policies, String registryFile, Set<String> named) throws IOException {
    Map<String, String> ownFile =
        named.stream()
            .collect(
                Collectors.toMap(
                    name -> name, name -> policies.recordOf(name).getSimpleName() + ".java"));
    List<String> names = List.copyOf(named);
    List<String> found = new ArrayList<>();
    int registry = 0;
    for (Path source : mainSources()) {
      String file = source.getFileName().toString();
      for (String name : literals(source, names)) {
        if (file.equals(registryFile)) {
          registry++;
        } else if (!file.equals(ownFile.get(name))) {
          found.add(file + ": \"" + name + '"');
        }
      }
    }
    assertThat(registry).as("the search finds the registry's own").isEqualTo(names.size());
    assertThat(found).isEmpty();
  }

  private static List<Path> mainSources() throws IOException {
    Path root = Path.of("").toAbsolutePath();
    while (!Files.exists(root.resolve("mvnw"))) {
      root = root.getParent();
    }
    List<Path> sources = new ArrayList<>();
    for (String module : List.of("engine", "job", "kernels", "bench", "submit")) {
      Path main = root.resolve(module).resolve("src/main");
      if (Files.isDirectory(main)) {
        try (Stream<Path> files = Files.walk(main)) {
          files
              .filter(file -> file.toString().endsWith(".java"))
              .filter(file -> !file.toString().contains("/checkpoint/")) // words of file formats
              .forEach(sources::add);
        }
      }
    }
    return sources;
  }
}
