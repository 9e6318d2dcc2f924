import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

/**
 * Lists the licences of what the shaded jar carries in its {@code META-INF/THIRD-PARTY.txt}; Maven runs it with nothing
 * but a JDK.
 *
 * <p>A dependency's licences are those of its pom or of the nearest parent that names any. The build fails on a licence
 * that {@code third-party.txt} does not list, on several or none without a choice there, on a native library or a script
 * without a row, on a licence other than Apache-2.0 whose text is neither in the dependency nor in {@code licences/},
 * and on choices, files and texts that nothing needs.
 *
 * <pre>java ThirdParty.java JOB_FOLDER SHADED_JAR CLASS_PATH_FILE TIMESTAMP</pre>
 */
final class ThirdParty {
  private static final String APACHE = "Apache-2.0";
  private static final Pattern LICENCE_FILE = Pattern.compile("(?i)(META-INF/([^/]+/)?)?(LICEN[CS]E|COPYING)(\\.\\w+)?");
  private static final Pattern BINARY = Pattern.compile(".*\\.(so(\\.\\d+)*|dll|dylib|jnilib|min\\.js)");

  /** Licence by the name that a pom gives it. */
  private final Map<String, String> names = new TreeMap<>();

  /** Chosen licence by {@code group:artifact}. */
  private final Map<String, String> choices = new TreeMap<>();

  /** What a native library or a script is and its licences, by file name. */
  private final Map<String, String> binaries = new TreeMap<>();

  private final Set<String> used = new HashSet<>();
  private final List<String> faults = new ArrayList<>();
  private final Path folder;

  private ThirdParty(Path folder) {
    this.folder = folder;
  }

  /** A jar of Maven's local repository. */
  private record Artifact(Path repository, String group, String name, String version, Path jar) {
    static Artifact of(Path jar) {
      Path version = jar.getParent();
      Path artifact = version.getParent();
      String name = artifact.getFileName().toString();
      Path pom = version.resolve(name + "-" + version.getFileName() + ".pom");
      if (!Files.exists(pom)) {
        throw new IllegalStateException(jar + " has no pom beside it; run mvn without -llr");
      }
      Element project = parse(pom);
      String group = text(project, "groupId");
      if (group == null) {
        group = text(child(project, "parent"), "groupId");
      }
      Path root = artifact.getParent();
      for (int part = group.split("\\.").length; part > 0; part--) {
        root = root.getParent();
      }
      return new Artifact(root, group, name, version.getFileName().toString(), jar);
    }

    String key() {
      return group + ":" + name;
    }
  }

  public static void main(String[] arguments) throws IOException {
    if (arguments.length != 4) {
      throw new IllegalArgumentException("usage: ThirdParty.java JOB_FOLDER SHADED_JAR CLASS_PATH_FILE TIMESTAMP");
    }
    ThirdParty check = new ThirdParty(Path.of(arguments[0]).toRealPath());
    check.readRules();
    String report = check.report(Path.of(arguments[1]), Files.readString(Path.of(arguments[2])).strip());
    if (!check.faults.isEmpty()) {
      check.faults.forEach(fault -> System.err.println("third party: " + fault));
      System.exit(1);
    }
    write(Path.of(arguments[1]), report, FileTime.from(Instant.parse(arguments[3])));
  }

  private void readRules() throws IOException {
    for (String line : Files.readAllLines(folder.resolve("build/third-party.txt"))) {
      String rule = line.replaceFirst("#.*", "").strip();
      if (rule.isEmpty()) {
        continue;
      }
      String[] parts = rule.split("\\s+", 2);
      String[] sides = parts[1].split("\\s*=\\s*", 2);
      switch (parts[0]) {
        case "licence" -> List.of(sides[1].split("\\s*\\|\\s*")).forEach(name -> names.put(name, sides[0]));
        case "choose" -> choices.put(sides[0], sides[1]);
        case "file" -> binaries.put(sides[0], sides[1]);
        default -> throw new IllegalStateException("third-party.txt: '" + line + "' is no rule");
      }
    }
  }

  private String report(Path shaded, String classPath) throws IOException {
    Map<String, Artifact> carried = new TreeMap<>();
    List<Pattern> left = leftOut();
    for (String entry : classPath.split(Pattern.quote(File.pathSeparator))) {
      Path jar = Path.of(entry);
      if (jar.toRealPath().startsWith(folder.getParent()) && jar.getParent().endsWith("target")) {
        continue; // a module of this project
      }
      Artifact artifact = Artifact.of(jar);
      if (left.stream().noneMatch(pattern -> pattern.matcher(artifact.key()).matches())) {
        carried.put(artifact.key() + ":" + jar.getFileName(), artifact);
      }
    }
    StringBuilder text = new StringBuilder("Third-party software in this jar: artifact, version, licence.\n\n");
    Map<String, Set<String>> texts = new TreeMap<>();
    Set<String> listed = new TreeSet<>();
    for (Artifact artifact : carried.values()) {
      String licence = licence(artifact);
      if (listed.add(artifact.key())) {
        text.append(String.format("%-64s %-16s %s%n", artifact.key(), artifact.version, licence));
        if (!licence.isEmpty() && !licence.equals(APACHE)) {
          texts.computeIfAbsent(licenceText(artifact), unused -> new TreeSet<>()).add(artifact.key());
        }
      }
    }
    text.append("\nNative libraries and scripts in this jar, what they are and their licences.\n\n");
    for (String library : binariesOf(shaded)) {
      used.add(library);
      String told = binaries.get(library);
      if (told == null) {
        faults.add(library + " has no row 'file' in third-party.txt");
      }
      text.append(String.format("%-44s %s%n", library, told));
    }
    choices.keySet().stream().filter(key -> !used.contains(key)).forEach(key -> faults.add("nothing needs 'choose " + key + "'"));
    binaries.keySet().stream().filter(key -> !used.contains(key)).forEach(key -> faults.add("nothing needs 'file " + key + "'"));
    for (String file : Objects.requireNonNull(folder.resolve("build/licences").toFile().list())) {
      if (!used.contains(file)) {
        faults.add("nothing needs licences/" + file);
      }
    }
    texts.forEach(
        (licence, keys) ->
            text.append("\n").append("=".repeat(80)).append("\n")
                .append(String.join("\n", keys)).append("\n\n").append(licence.strip()).append("\n"));
    return text.toString();
  }

  /** The one licence of a dependency that its pom or third-party.txt names. */
  private String licence(Artifact artifact) {
    Set<String> offered = new TreeSet<>();
    for (String name : declared(artifact.repository, artifact.group, artifact.name, artifact.version)) {
      if (names.containsKey(name)) {
        offered.add(names.get(name));
      } else {
        offered.add("'" + name + "'");
      }
    }
    String chosen = choices.get(artifact.key());
    if (chosen != null && names.containsValue(chosen) && offered.size() != 1 && (offered.isEmpty() || offered.contains(chosen))) {
      used.add(artifact.key());
      return chosen;
    }
    String only = chosen == null && offered.size() == 1 ? offered.iterator().next() : "";
    if (!names.containsValue(only)) {
      only = "";
      faults.add(artifact.key() + " has the licences " + offered + (chosen == null ? "" : ", chosen is " + chosen)
          + "; list the licence or choose one in job/build/third-party.txt, or leave the dependency out");
    }
    return only;
  }

  private static List<String> declared(Path repository, String group, String name, String version) {
    Path pom = repository.resolve(group.replace('.', '/')).resolve(name).resolve(version).resolve(name + "-" + version + ".pom");
    Element project = parse(pom);
    List<String> found = children(child(project, "licenses"), "license").stream()
        .map(licence -> text(licence, "name") == null ? text(licence, "url") : text(licence, "name")).collect(Collectors.toList());
    Element parent = child(project, "parent");
    if (!found.isEmpty() || parent == null) {
      return found;
    }
    return declared(repository, text(parent, "groupId"), text(parent, "artifactId"), text(parent, "version"));
  }

  private String licenceText(Artifact artifact) throws IOException {
    Path ours = folder.resolve("build/licences/" + artifact.group + ".txt");
    if (Files.exists(ours)) {
      used.add(ours.getFileName().toString());
      return Files.readString(ours);
    }
    try (ZipFile zip = new ZipFile(artifact.jar.toFile())) {
      for (ZipEntry entry : Collections.list(zip.entries())) {
        if (LICENCE_FILE.matcher(entry.getName()).matches()) {
          try (InputStream stream = zip.getInputStream(entry)) {
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8).replace("\r\n", "\n");
          }
        }
      }
    }
    faults.add(artifact.key() + " carries no licence text; put it into job/build/licences/" + artifact.group + ".txt");
    return "";
  }

  private static Set<String> binariesOf(Path shaded) throws IOException {
    try (ZipFile zip = new ZipFile(shaded.toFile())) {
      return zip.stream().map(ZipEntry::getName).filter(name -> BINARY.matcher(name).matches())
          .map(name -> name.substring(name.lastIndexOf('/') + 1)).collect(Collectors.toCollection(TreeSet::new));
    }
  }

  /** What the shade plugin excludes, by job/pom.xml. */
  private List<Pattern> leftOut() {
    List<Pattern> patterns = new ArrayList<>();
    var sets = parse(folder.resolve("pom.xml")).getElementsByTagName("artifactSet");
    for (Element exclude : children(child((Element) sets.item(0), "excludes"), "exclude")) {
      String glob = exclude.getTextContent().strip();
      patterns.add(Pattern.compile(glob.replace(".", "\\.").replace("*", ".*") + (glob.contains(":") ? "" : ":.*")));
    }
    return patterns;
  }

  private static void write(Path shaded, String report, FileTime time) throws IOException {
    try (FileSystem jar = FileSystems.newFileSystem(shaded)) {
      Path file = jar.getPath("META-INF/THIRD-PARTY.txt");
      Files.writeString(file, report);
      Files.setLastModifiedTime(file, time);
    }
  }

  private static Element parse(Path xml) {
    try {
      return DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(xml.toFile()).getDocumentElement();
    } catch (Exception unreadable) {
      throw new IllegalStateException(xml + " cannot be read", unreadable);
    }
  }

  private static Element child(Element parent, String name) {
    List<Element> found = children(parent, name);
    return found.isEmpty() ? null : found.get(0);
  }

  private static List<Element> children(Element parent, String name) {
    List<Element> found = new ArrayList<>();
    for (Node node = parent == null ? null : parent.getFirstChild(); node != null; node = node.getNextSibling()) {
      if (node instanceof Element element && element.getTagName().equals(name)) {
        found.add(element);
      }
    }
    return found;
  }

  private static String text(Element parent, String name) {
    Element found = child(parent, name);
    return found == null ? null : found.getTextContent().strip();
  }
}
