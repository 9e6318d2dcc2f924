package dev.questspark.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Rules of style that a machine can check, over every source file of the repository. */
class HouseRulesTest {
  private static final int MAX_LINES = 500;
  private static final int MAX_TEST_LINES = 700;
  private static final Set<String> EXTENSIONS = Set.of("java", "cu", "cuh", "py", "sh");

  /** Names that say nothing about what a thing is. */
  private static final Set<String> BANNED_WORDS =
      Set.of("util", "utils", "manager", "helper", "helpers", "impl", "common", "v2");

  private static final Pattern TYPE =
      Pattern.compile("\\b(?:class|interface|enum|record|struct)\\s+([A-Z]\\w*)");

  /**
   * A doc comment with another one, the end of a block or a statement behind it, not a declaration.
   */
  private static final Pattern TORN_COMMENT =
      Pattern.compile("\\*/\\s*(?=/\\*\\*|\\}|(?:return|if|for|while|try|throw)\\b)");

  /** A record that others can make, up to its first component. */
  private static final Pattern RECORD =
      Pattern.compile("(?m)^ *(?!private\\b)(?:[a-z]+ +)*record ([A-Z]\\w*)(?:<[^(]*>)?\\(");

  private static final int MAX_COMPONENTS = 8;

  private static final Pattern WORD = Pattern.compile("V\\d+|[A-Z]?[a-z]+|[A-Z]+(?![a-z])|v\\d+");

  private static Path root;
  private static List<Path> sources;

  @BeforeAll
  static void findSources() throws IOException {
    RepositoryFiles repository = RepositoryFiles.find();
    root = repository.root();
    sources = repository.ofType(EXTENSIONS);
  }

  @Test
  void theSourcesAreFound() {
    assertThat(sources.stream().map(file -> file.getFileName().toString()))
        .contains("HouseRulesTest.java", "Scheduler.java");
  }

  @Test
  void noFileIsTooLongToRead() {
    List<String> tooLong = new ArrayList<>();
    for (Path file : sources) {
      int lines = (int) RepositoryFiles.read(file).lines().count();
      int limit = isTest(file) ? MAX_TEST_LINES : MAX_LINES;
      if (lines > limit) {
        tooLong.add(root.relativize(file) + ": " + lines + " lines, at most " + limit);
      }
    }
    assertThat(tooLong).isEmpty();
  }

  @Test
  void namesSayWhatAThingIs() {
    List<String> vague = new ArrayList<>();
    for (Path file : sources) {
      String name = file.getFileName().toString();
      String stem = name.substring(0, name.lastIndexOf('.'));
      if (isVague(stem)) {
        vague.add(root.relativize(file).toString());
      }
      Matcher type = TYPE.matcher(RepositoryFiles.read(file));
      while (type.find()) {
        if (isVague(type.group(1))) {
          vague.add(root.relativize(file) + ": " + type.group(1));
        }
      }
    }
    assertThat(vague).isEmpty();
  }

  /** JDK 23 and later warn of it (dangling-doc-comments), JDK 17 does not. */
  @Test
  void everyDocCommentStandsBeforeItsDeclaration() {
    List<String> torn = new ArrayList<>();
    for (Path file : sources) {
      String text = RepositoryFiles.read(file);
      Matcher end = TORN_COMMENT.matcher(text);
      while (file.toString().endsWith(".java") && end.find()) {
        if (text.startsWith("/**", text.lastIndexOf("/*", end.start()))) {
          torn.add(root.relativize(file) + ":" + text.substring(0, end.start()).lines().count());
        }
      }
    }
    assertThat(torn).isEmpty();
  }

  /** Nobody can tell nine values by their places: a record has parts, or a builder with names. */
  @Test
  void noRecordHasMoreComponentsThanCanBeToldByPlace() {
    List<String> wide = new ArrayList<>();
    for (Path file : sources) {
      if (!isTest(file) && file.toString().endsWith(".java")) {
        for (String record : wideRecords(RepositoryFiles.read(file))) {
          wide.add(root.relativize(file) + ": " + record);
        }
      }
    }
    assertThat(wide).isEmpty();
  }

  @Test
  void wideRecordsAreToldFromNarrowOnes() {
    String nine = "(int a, int b, int c, int d, int e, int f, int g, int h, int i) {}\n";
    assertThat(wideRecords("public record Wide" + nine + "  record Own<T>" + nine))
        .containsExactly("Wide has 9 components", "Own has 9 components");
    assertThat(
            wideRecords(
                "record Narrow(Map<A, B> a, int b, int c, int d, int e, int f, int g, int h) {}"))
        .isEmpty();
    assertThat(wideRecords("  private record Own" + nine)).isEmpty();
    assertThat(wideRecords("record Built" + nine + "  public static final class Builder {\n"))
        .isEmpty();
  }

  /** Not those whose {@code Builder} gives the values names, nor private ones. */
  private static List<String> wideRecords(String text) {
    List<String> wide = new ArrayList<>();
    Matcher record = RECORD.matcher(text);
    while (record.find()) {
      boolean built =
          !record.group().startsWith(" ")
              && text.contains("\n  public static final class Builder {");
      int components = components(text, record.end());
      if (components > MAX_COMPONENTS && !built) {
        wide.add(record.group(1) + " has " + components + " components");
      }
    }
    return wide;
  }

  /** Components from a record's opening bracket to its closing one. */
  private static int components(String text, int from) {
    int components = 1;
    int depth = 1;
    for (int i = from; depth > 0; i++) {
      char c = text.charAt(i);
      depth += "(<".indexOf(c) >= 0 ? 1 : ")>".indexOf(c) >= 0 ? -1 : 0;
      components += c == ',' && depth == 1 ? 1 : 0;
    }
    return components;
  }

  @Test
  void noTestIsSwitchedOff() {
    // Written in two parts, or this file would break its own rule.
    String annotation = "@" + "Disabled";
    assertThat(sources).noneMatch(file -> RepositoryFiles.read(file).contains(annotation));
  }

  @Test
  void vagueNamesAreToldFromGoodOnes() {
    assertThat(
            List.of(
                "PageUtils",
                "Util",
                "SchedulerImpl",
                "KvManager",
                "SchedulerV2",
                "io_utils",
                "common"))
        .allMatch(HouseRulesTest::isVague);
    assertThat(
            List.of(
                "Utilization", "PageTable", "Implication", "V100", "commonest", "KvV", "linear"))
        .noneMatch(HouseRulesTest::isVague);
  }

  private static boolean isVague(String name) {
    return WORD.matcher(name)
        .results()
        .anyMatch(word -> BANNED_WORDS.contains(word.group().toLowerCase(Locale.ROOT)));
  }

  private static boolean isTest(Path file) {
    String path = root.relativize(file).toString().replace('\\', '/');
    return path.contains("src/test/") || Arrays.asList(path.split("/")).contains("tests");
  }
}
