package dev.questspark.job.hub;

import com.google.gson.JsonElement;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.questspark.engine.checkpoint.HubCache.Id;
import dev.questspark.engine.failure.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * Which files of a repository an engine reads: not other frameworks' weights, nor the same weights
 * once more in another format, which many repositories have beside them.
 */
final class HubFiles {
  private static final String SINGLE = "model.safetensors";
  private static final String INDEX = "model.safetensors.index.json";
  private static final String GGUF = ".gguf";

  /** Everything but the weights; most repositories have most of them. */
  private static final List<String> SMALL =
      List.of(
          "config.json",
          "generation_config.json",
          "tokenizer.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "chat_template.jinja",
          "adapter_config.json",
          INDEX);

  private HubFiles() {}

  /** Those of a repository's files that say what the model is. */
  static List<String> small(List<String> names) {
    return SMALL.stream()
        .filter(names::contains)
        .filter(name -> !name.equals(INDEX) || !names.contains(SINGLE))
        .toList();
  }

  /**
   * Those of a repository's files that hold its weights.
   *
   * @param snapshot has the small files
   * @throws ConfigException when there are none, or several models
   */
  static List<String> weights(Id id, List<String> names, Path snapshot) throws IOException {
    if (names.contains(SINGLE)) {
      return List.of(SINGLE);
    }
    if (names.contains(INDEX)) {
      return indexed(snapshot.resolve(INDEX)).orElseThrow(() -> badIndex(id));
    }
    List<String> ggufs = names.stream().filter(HubFiles::isGguf).sorted().toList();
    if (ggufs.size() == 1) {
      return ggufs;
    }
    if (ggufs.isEmpty()) {
      throw new ConfigException(
          "model "
              + id
              + " has neither safetensors nor GGUF weights on the hub; give one that has, or save"
              + " its weights with save_pretrained and give that folder.");
    }
    throw new ConfigException(
        "model "
            + id
            + " has several GGUF files on the hub; download one of them (hf download "
            + id.repository()
            + " "
            + ggufs.get(0)
            + ") and give its path, of "
            + String.join(", ", ggufs)
            + ".");
  }

  private static boolean isGguf(String name) {
    return name.endsWith(GGUF) && !name.contains("/") && !name.startsWith("mmproj");
  }

  /** Files that an index names; empty when it is none. */
  private static Optional<List<String>> indexed(Path index) throws IOException {
    try {
      JsonElement json = JsonParser.parseString(Files.readString(index));
      TreeSet<String> files = new TreeSet<>();
      for (JsonElement file :
          json.getAsJsonObject().getAsJsonObject("weight_map").asMap().values()) {
        files.add(file.getAsString());
      }
      return files.stream().allMatch(name -> name.matches("\\w[\\w.-]*"))
          ? Optional.of(List.copyOf(files))
          : Optional.empty();
    } catch (JsonParseException
        | IllegalStateException
        | NullPointerException
        | UnsupportedOperationException damaged) {
      return Optional.empty();
    }
  }

  private static ConfigException badIndex(Id id) {
    return new ConfigException(
        "model " + id + ": its " + INDEX + " on the hub is no index; give another revision.");
  }

  /** Whether a snapshot has everything, as far as its own files say. */
  static boolean complete(Path snapshot) throws IOException {
    return Files.isRegularFile(snapshot.resolve("config.json"))
            && Files.isRegularFile(snapshot.resolve("tokenizer.json"))
            && !weightsIn(snapshot).isEmpty()
        || ggufIn(snapshot).isPresent();
  }

  /** The weight files of a snapshot, if all are there; nothing otherwise. */
  static List<Path> weightsIn(Path snapshot) throws IOException {
    if (Files.isRegularFile(snapshot.resolve(SINGLE))) {
      return List.of(snapshot.resolve(SINGLE));
    }
    if (Files.isRegularFile(snapshot.resolve(INDEX))) {
      List<Path> shards =
          indexed(snapshot.resolve(INDEX)).orElse(List.of()).stream()
              .map(snapshot::resolve)
              .toList();
      return shards.stream().allMatch(Files::isRegularFile) ? shards : List.of();
    }
    return ggufIn(snapshot).map(List::of).orElse(List.of());
  }

  private static Optional<Path> ggufIn(Path snapshot) throws IOException {
    try (Stream<Path> files = Files.list(snapshot)) {
      List<Path> ggufs =
          files.filter(file -> isGguf(file.getFileName().toString())).limit(2).toList();
      return ggufs.size() == 1 ? Optional.of(ggufs.get(0)) : Optional.empty();
    }
  }
}
