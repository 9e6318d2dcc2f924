package dev.questspark.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What the Markdown files name exists: types and their members, packages, files, links. */
class NamedInDocsTest {
  /** Names of others, and files that a run writes. */
  private static final Set<String> NOT_OURS =
      Set.of(
          "DynamicCache",
          "META-INF/THIRD-PARTY.txt",
          "LlamaForCausalLM",
          "SparkSubmit",
          "VERSION",
          "build.log",
          "conf/spark-env.sh",
          "report.html",
          "run.json");

  private static final Pattern FENCE = Pattern.compile("(?ms)^\\s*```.*?^\\s*```");
  private static final Pattern SPAN = Pattern.compile("`([^`\n]+)`");
  private static final Pattern LINK = Pattern.compile("\\]\\(([^)\\s]+)\\)");
  private static final Pattern TEST_OPTION = Pattern.compile("-Dtest='?([\\w*#,]+)");
  private static final Pattern TYPE = Pattern.compile("[A-Z]\\w*[a-z]\\w*[A-Z]\\w*|[A-Z][a-z]\\w+");
  private static final Pattern MEMBER =
      Pattern.compile("((?:[A-Z]\\w*[a-z]\\w*\\.)+[A-Za-z]\\w*)(?:\\(.*\\))?");

  private static final Pattern PACKAGED =
      Pattern.compile(
          "(?:dev\\.questspark\\.)?((?:job|engine|bench)(?:\\.[a-z]\\w*)+)(?:\\.([A-Z]\\w*))?");
  private static final Pattern FILE =
      Pattern.compile(
          "(?:[\\w.*<>-]+/)*[\\w.*<>-]+\\.(?:cff|conf|cuh?|java|json|md|properties|py|sh|svg|txt|ya?ml)");
  private static final Pattern FOLDER = Pattern.compile("[\\w.*<>-]+(?:/[\\w.*<>-]+)+/?|[\\w-]+/");
  private static final Pattern DECLARED =
      Pattern.compile("\\b(?:class|interface|enum|record|struct)\\s+([A-Z]\\w*)");

  /** Roots that the documents leave out of a path. */
  private static final List<String> ROOTS =
      List.of(
          "",
          "engine/src/main/java/dev/questspark/",
          "job/src/main/java/dev/questspark/",
          "engine/src/main/java/dev/questspark/engine/",
          "kernels/");

  private static RepositoryFiles repository;

  /** The sources that declare a type, by its name. */
  private static final Map<String, List<Path>> TYPES = new HashMap<>();

  private static Set<String> names;

  @BeforeAll
  static void readSources() throws IOException {
    repository = RepositoryFiles.find();
    names =
        repository.files().stream()
            .map(repository::name)
            .flatMap(name -> Stream.concat(Stream.of(name), folders(name)))
            .collect(Collectors.toSet());
    for (Path source : repository.ofType(Set.of("java", "cpp", "cu", "cuh", "h"))) {
      Matcher type = DECLARED.matcher(RepositoryFiles.read(source));
      while (type.find()) {
        TYPES.computeIfAbsent(type.group(1), unused -> new ArrayList<>()).add(source);
      }
    }
  }

  private static Stream<String> folders(String name) {
    return Stream.iterate(name, part -> part.contains("/"), NamedInDocsTest::parent)
        .map(NamedInDocsTest::parent);
  }

  private static String parent(String name) {
    return name.contains("/") ? name.substring(0, name.lastIndexOf('/')) : "";
  }

  @Test
  void everyNameInTheDocumentsExists() {
    List<String> stale = new ArrayList<>();
    int named = 0;
    for (Path document : documents()) {
      String text = RepositoryFiles.read(document);
      Matcher span = SPAN.matcher(FENCE.matcher(text).replaceAll(""));
      while (span.find()) {
        named++;
        if (!exists(span.group(1), document)) {
          stale.add(repository.name(document) + ": `" + span.group(1) + "`");
        }
      }
      Matcher option = TEST_OPTION.matcher(text);
      while (option.find()) {
        for (String test : option.group(1).split(",")) {
          if (!test.contains("*") && !exists(test.replace('#', '.'), document)) {
            stale.add(repository.name(document) + ": -Dtest=" + test);
          }
        }
      }
    }
    assertThat(stale).as("names in Markdown that nothing has").isEmpty();
    assertThat(named).as("names that were looked at").isGreaterThan(500);
  }

  @Test
  void everyLinkLeadsSomewhere() {
    List<String> broken = new ArrayList<>();
    for (Path document : documents()) {
      Matcher link = LINK.matcher(FENCE.matcher(RepositoryFiles.read(document)).replaceAll(""));
      while (link.find()) {
        String target = link.group(1);
        if (!target.matches("[a-z]+:.*") && !leads(document, target)) {
          broken.add(repository.name(document) + ": " + target);
        }
      }
    }
    assertThat(broken).isEmpty();
  }

  @Test
  void staleNamesAreFound() {
    Path readme = repository.root().resolve("README.md");
    assertThat(
            List.of(
                "Engine.submitt",
                "Engine.Opening.gone",
                "PageSelectorsGone",
                "engine.gone",
                "job/build/gone.txt"))
        .noneMatch(name -> exists(name, readme));
    assertThat(
            List.of(
                "Engine.submit", "engine/select", "engine.ops.TensorOps", "kv_budget", "run.sh"))
        .allMatch(name -> exists(name, readme));
    assertThat(leads(readme, "README.md#no-such-heading")).isFalse();
    assertThat(leads(readme, "README.md#try-it")).isTrue();
  }

  /** All but the changelog, which names what was. */
  private static List<Path> documents() {
    return repository.ofType(Set.of("md")).stream()
        .filter(file -> !file.endsWith("CHANGELOG.md"))
        .toList();
  }

  private static boolean leads(Path document, String target) {
    String[] parts = target.split("#", 2);
    Path file = parts[0].isEmpty() ? document : document.resolveSibling(parts[0]).normalize();
    return Files.exists(file)
        && (parts.length == 1
            || RepositoryFiles.read(file)
                .lines()
                .filter(line -> line.startsWith("#"))
                .anyMatch(heading -> anchor(heading).equals(parts[1])));
  }

  private static String anchor(String heading) {
    return heading
        .replaceFirst("^#+ ", "")
        .toLowerCase(Locale.ROOT)
        .replaceAll("[^\\w\\- ]", "")
        .replace(' ', '-');
  }

  /** Whether a name in backticks exists, or is none that this test understands. */
  private static boolean exists(String name, Path document) {
    if (NOT_OURS.contains(name)) {
      return true;
    }
    Matcher packaged = PACKAGED.matcher(name);
    if (packaged.matches()) {
      return packageExists(packaged.group(1).replace('.', '/'), packaged.group(2));
    }
    Matcher member = MEMBER.matcher(name);
    if (FILE.matcher(name).matches()) {
      return fileExists(name, document);
    }
    if (member.matches()) {
      return membersExist(member.group(1).split("\\."));
    }
    if (TYPE.matcher(name).matches()) {
      return isType(name) || fileExists(name, document); // Makefile, Dockerfile
    }
    if (FOLDER.matcher(name).matches() && startsAtTheRoot(name)) {
      return fileExists(name.replaceFirst("/$", ""), document);
    }
    return true;
  }

  private static boolean isType(String name) {
    return TYPES.containsKey(name) || NOT_OURS.contains(name);
  }

  /** Each part must stand in a source that declares the part before it. */
  private static boolean membersExist(String[] parts) {
    for (int i = 1; i < parts.length; i++) {
      Pattern declared = Pattern.compile("\\b" + parts[i] + "\\b");
      boolean found =
          TYPES.getOrDefault(parts[i - 1], List.of()).stream()
              .anyMatch(source -> declared.matcher(RepositoryFiles.read(source)).find());
      if (!found && !NOT_OURS.contains(parts[i - 1])) {
        return false;
      }
    }
    return true;
  }

  private static boolean packageExists(String folder, String type) {
    return names.stream()
        .filter(name -> name.endsWith("java/dev/questspark/" + folder))
        .anyMatch(name -> type == null || names.contains(name + "/" + type + ".java"));
  }

  /** Whether the first folder of a path is one of the repository's or of a module's packages. */
  private static boolean startsAtTheRoot(String path) {
    String first = path.substring(0, path.indexOf('/'));
    return !path.contains("/target/") && names.contains(first);
  }

  private static boolean fileExists(String name, Path document) {
    if (name.contains("/target/")) {
      return true; // made by the build
    }
    String here = parent(repository.name(document));
    Pattern glob = glob(name);
    Pattern besides = glob(Path.of(here).resolve(name).normalize().toString());
    boolean bare = !name.contains("/");
    return names.stream()
        .anyMatch(
            file ->
                bare && glob.matcher(file.substring(file.lastIndexOf('/') + 1)).matches()
                    || ROOTS.stream().anyMatch(root -> matches(file, root, glob))
                    || besides.matcher(file).matches());
  }

  private static boolean matches(String file, String root, Pattern glob) {
    return file.startsWith(root) && glob.matcher(file.substring(root.length())).matches();
  }

  /** A path in which {@code *} and {@code <name>} stand for anything within one folder. */
  private static Pattern glob(String path) {
    return Pattern.compile(
        path.replaceAll("<\\w+>", "*").replace(".", "\\.").replace("*", "[^/]*"));
  }
}
