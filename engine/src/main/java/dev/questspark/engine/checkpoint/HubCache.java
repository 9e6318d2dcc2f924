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
  private static final Pattern MODEL_ID = Pattern.compile("([\\w.-]+)/([\\w.-]+)(?:@([\\w./-]+))?");
  private static final String MAIN = "main";

  private HubCache() {}

  /** Whether a name has the form of a hub's: {@code org/name}, {@code org/name@revision}. */
  public static boolean isModelId(String name) {
    return MODEL_ID.matcher(name).matches();
  }

  /**
   * What the cache of this machine has of a model.
   *
   * @param id {@code org/name}, {@code org/name@revision}
   */
  public static Optional<Path> find(String id, Map<String, String> environment) {
    Matcher parts = MODEL_ID.matcher(id);
    if (!parts.matches()) {
      return Optional.empty();
    }
    Path entry = root(environment).resolve("models--" + parts.group(1) + "--" + parts.group(2));
    if (!Files.isDirectory(entry.resolve("snapshots"))) {
      return Optional.empty();
    }
    return parts.group(3) == null
        ? Optional.of(snapshot(entry))
        : Optional.of(snapshot(entry, parts.group(3)));
  }

  /** As huggingface_hub finds it. */
  static Path root(Map<String, String> environment) {
    String cache = environment.get("HF_HUB_CACHE");
    if (cache != null && !cache.isBlank()) {
      return Path.of(cache);
    }
    String home = environment.get("HF_HOME");
    if (home != null && !home.isBlank()) {
      return Path.of(home, "hub");
    }
    String xdg = environment.get("XDG_CACHE_HOME");
    return xdg != null && !xdg.isBlank()
        ? Path.of(xdg, "huggingface", "hub")
        : Path.of(System.getProperty("user.home"), ".cache", "huggingface", "hub");
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
    try {
      Path ref = entry.resolve("refs").resolve(revision);
      String commit = Files.isRegularFile(ref) ? Files.readString(ref).strip() : revision;
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
    } catch (IOException e) {
      throw new ConfigException("model is " + entry + ", which cannot be read: " + e, e);
    }
  }

  private static List<Path> snapshots(Path entry) {
    try (Stream<Path> all = Files.list(entry.resolve("snapshots"))) {
      return all.filter(Files::isDirectory).sorted().toList();
    } catch (IOException e) {
      throw new ConfigException("model is " + entry + ", which cannot be read: " + e, e);
    }
  }
}
