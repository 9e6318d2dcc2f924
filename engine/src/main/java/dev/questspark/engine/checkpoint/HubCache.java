package dev.questspark.engine.checkpoint;

import dev.questspark.engine.failure.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The cache of Hugging Face's own tools: {@code models--org--name/snapshots/COMMIT}, a folder of
 * links per commit, and {@code refs/NAME}, which says what commit a branch or tag is.
 */
public final class HubCache {
  private static final Pattern MODEL_ID =
      Pattern.compile("([A-Za-z0-9][\\w.-]*/[A-Za-z0-9][\\w.-]*)(?:@(\\w[\\w./-]*))?");

  /** What a path of two parts ends with when it is a file. */
  private static final List<String> FILES = List.of(".gguf", ".safetensors", ".json");

  private static final String MAIN = "main";

  private HubCache() {}

  /**
   * A model's name on the hub.
   *
   * @param repository {@code org/name}
   * @param revision a branch, tag or commit
   */
  public record Id(String repository, String revision) {
    /** As a user writes it. */
    @Override
    public String toString() {
      return revision.equals(MAIN) ? repository : repository + "@" + revision;
    }
  }

  /** A name of the hub's form: {@code org/name}, {@code org/name@revision}; empty for others. */
  public static Optional<Id> id(String name) {
    Matcher parts = MODEL_ID.matcher(name);
    return parts.matches()
            && !name.contains("..")
            && FILES.stream().noneMatch(parts.group(1)::endsWith)
        ? Optional.of(new Id(parts.group(1), parts.group(2) == null ? MAIN : parts.group(2)))
        : Optional.empty();
  }

  /** Where the cache at {@code root} keeps a model. */
  public static Path entry(Path root, Id id) {
    return root.resolve(folderName(id));
  }

  /** {@code models--org--name}. */
  public static String folderName(Id id) {
    return "models--" + id.repository().replace("/", "--");
  }

  /** What the cache at {@code root} has of a revision, complete or not. */
  public static Optional<Path> find(Path root, Id id) {
    Path entry = entry(root, id);
    Path ref = entry.resolve("refs").resolve(id.revision());
    if (id.revision().equals(MAIN) && !Files.isRegularFile(ref)) {
      List<Path> only = snapshots(entry);
      return only.size() == 1 ? Optional.of(only.get(0)) : Optional.empty();
    }
    return Optional.of(entry.resolve("snapshots").resolve(commit(ref, id.revision())))
        .filter(Files::isDirectory);
  }

  private static String commit(Path ref, String revision) {
    try {
      return Files.isRegularFile(ref) ? Files.readString(ref).strip() : revision;
    } catch (IOException e) {
      throw new ConfigException(ref + " cannot be read: " + e, e);
    }
  }

  /** The cache, as huggingface_hub finds it. */
  public static Path root(Map<String, String> environment) {
    String cache = environment.get("HF_HUB_CACHE");
    return cache != null && !cache.isBlank() ? Path.of(cache) : home(environment).resolve("hub");
  }

  /** The folder of Hugging Face's tools. */
  public static Path home(Map<String, String> environment) {
    String home = environment.get("HF_HOME");
    if (home != null && !home.isBlank()) {
      return Path.of(home);
    }
    String xdg = environment.get("XDG_CACHE_HOME");
    return xdg != null && !xdg.isBlank()
        ? Path.of(xdg, "huggingface")
        : Path.of(System.getProperty("user.home"), ".cache", "huggingface");
  }

  /** The snapshot that {@code main} is, or the only one there. */
  static Path snapshot(Path entry) {
    if (Files.isRegularFile(entry.resolve("refs").resolve(MAIN))) {
      return snapshot(entry, MAIN);
    }
    List<Path> snapshots = snapshots(entry);
    if (snapshots.size() != 1) {
      throw new ConfigException(
          "model is "
              + entry
              + ", a Hugging Face cache without refs/main and with "
              + snapshots.size()
              + " snapshots; give one of them, snapshots/COMMIT");
    }
    return snapshots.get(0);
  }

  private static Path snapshot(Path entry, String revision) {
    String commit = commit(entry.resolve("refs").resolve(revision), revision);
    Path snapshot = entry.resolve("snapshots").resolve(commit);
    if (!Files.isDirectory(snapshot)) {
      throw new ConfigException(
          "model is "
              + entry
              + ", a Hugging Face cache without snapshot "
              + commit
              + " ("
              + revision
              + "); download it again, or give another snapshot's folder");
    }
    return snapshot;
  }

  private static List<Path> snapshots(Path entry) {
    if (!Files.isDirectory(entry.resolve("snapshots"))) {
      return List.of();
    }
    try (Stream<Path> all = Files.list(entry.resolve("snapshots"))) {
      return all.filter(Files::isDirectory).sorted().toList();
    } catch (IOException e) {
      throw new ConfigException("model is " + entry + ", which cannot be read: " + e, e);
    }
  }
}
