package dev.questspark.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Every test class of every module belongs to one lane, and {@code .ci/run} runs every lane. A lane
 * is a tag on the class; a class without one is in the quick lane.
 */
class LanesTest {
  private static final String QUICK = "quick";
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

  /** Annotations of ours that carry a tag. */
  private static final Map<String, String> TAGS_OF =
      Map.of("RequiresCuda", "cuda", "RequiresTestDriver", "cuda", "WholeModels", "races");

  private static final Pattern TEST =
      Pattern.compile("(?m)^ +@(?:Test|ParameterizedTest|RepeatedTest|TestFactory|ArchTest)\\b");
  private static final Pattern CONTRACT =
      Pattern.compile("(?m)^class \\w+ extends \\w+Contract\\b");
  private static final Pattern TAG = Pattern.compile("(?m)^( *)@Tag\\(\"([^\"]+)\"\\)");
  private static final Pattern OUR_ANNOTATION =
      Pattern.compile("(?m)^@(RequiresCuda|RequiresTestDriver|WholeModels)\\b");
  private static final Pattern LANES =
      Pattern.compile("<property>lane</property>\\s*<regex>([^<]+)</regex>");
  private static final Pattern LANES_OF_VERIFY =
      Pattern.compile("<lanes\\.of\\.verify>([^<]+)</lanes\\.of\\.verify>");

  /** Test class to its tags. */
  private static Map<String, Set<String>> tags;

  /** What {@code -Dlane} can be. */
  private static Set<String> lanes;

  @BeforeAll
  static void readSources() throws IOException {
    tags = new TreeMap<>();
    for (Path file : testSources()) {
      String source = read(file);
      if (isTestClass(file, source)) {
        tags.put(name(file), tags(source));
      }
    }
    assertThat(tags).containsKeys("LanesTest", "CudaEngineTest", "LongDocJobTest", "RunScriptTest");
    lanes = words(LANES, read(ROOT.resolve("pom.xml")).replace("\\.", "."));
    assertThat(lanes).contains("cuda", "spark-3.5");
  }

  private static List<Path> testSources() throws IOException {
    List<Path> sources = new ArrayList<>();
    try (Stream<Path> modules = Files.list(ROOT)) {
      for (Path tests : modules.map(module -> module.resolve("src/test/java")).toList()) {
        if (Files.isDirectory(tests)) {
          try (Stream<Path> files = Files.walk(tests)) {
            sources.addAll(files.filter(file -> file.toString().endsWith(".java")).toList());
          }
        }
      }
    }
    return sources;
  }

  private static boolean isTestClass(Path file, String source) {
    boolean concrete =
        Pattern.compile("(?m)^(?:public |final )*class " + name(file)).matcher(source).find();
    return concrete && (TEST.matcher(source).find() || CONTRACT.matcher(source).find());
  }

  private static Set<String> tags(String source) {
    Set<String> found = new TreeSet<>();
    Matcher tag = TAG.matcher(source);
    while (tag.find()) {
      assertThat(tag.group(1)).as("a tag belongs to a class, not to a method").isEmpty();
      found.add(tag.group(2));
    }
    Matcher ours = OUR_ANNOTATION.matcher(source);
    while (ours.find()) {
      found.add(TAGS_OF.get(ours.group(1)));
    }
    return found;
  }

  /** Lane of a class; {@code races} repeats classes of {@code cuda}. */
  private static String laneOf(Set<String> tags) {
    Set<String> rest = new TreeSet<>(tags);
    if (rest.contains("cuda")) {
      rest.remove("races");
    }
    assertThat(rest).hasSizeLessThanOrEqualTo(1);
    return rest.isEmpty() ? QUICK : rest.iterator().next();
  }

  @Test
  void everyTestClassHasANameThatMavenLooksFor() {
    assertThat(tags.keySet()).allMatch(name -> name.endsWith("Test"));
  }

  @Test
  void everyTestClassBelongsToOneLane() {
    Set<String> used = new TreeSet<>(Set.of("races"));
    tags.forEach(
        (name, tags) -> {
          String lane = laneOf(tags);
          if (!lane.equals(QUICK)) {
            assertThat(lanes).as(name).contains(lane);
            used.add(lane);
          }
        });
    assertThat(used).as("lanes that have a class").isEqualTo(lanes);
  }

  @Test
  void everyLaneRuns() {
    String run = read(ROOT.resolve(".ci/run"));
    assertThat(run).contains("./mvnw verify"); // the quick lane, and these:
    Set<String> ran = words(LANES_OF_VERIFY, read(ROOT.resolve("pom.xml")));
    Matcher lane = Pattern.compile("-Dlane=([\\w.-]+)").matcher(run);
    while (lane.find()) {
      ran.add(lane.group(1));
    }
    assertThat(ran).isEqualTo(lanes);
  }

  private static Set<String> words(Pattern list, String text) {
    Matcher found = list.matcher(text);
    assertThat(found.find()).as(list.pattern()).isTrue();
    return new TreeSet<>(List.of(found.group(1).split(" *\\| *")));
  }

  private static String name(Path file) {
    return file.getFileName().toString().replace(".java", "");
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
