package dev.questspark.job.model;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.ModelConfigReader;
import dev.questspark.engine.model.SafetensorsReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/** What can be said about a model without loading it. */
public final class ModelFolder {
  private static final int FINGERPRINT_CHARACTERS = 16;
  private static final int HASHED_BYTES_PER_WEIGHT_FILE = 1 << 20;

  private final Path folder;

  public ModelFolder(Path folder) {
    this.folder = folder;
  }

  /**
   * Parses the configuration and the headers of the weights.
   *
   * @throws ConfigException when something is missing, damaged, or of an unknown architecture
   */
  public void check() {
    if (!Files.isDirectory(folder)) {
      throw new ConfigException(
          "Model folder " + folder + " does not exist on this machine; check --model.");
    }
    ModelConfigReader.read(folder);
    if (!Files.isReadable(folder.resolve("tokenizer.json"))) {
      throw new ConfigException(
          "Model folder "
              + folder
              + " has no tokenizer.json; copy it from where the weights came from.");
    }
    SafetensorsReader.open(folder).close();
  }

  /** Whether the driver sees the folder at all; a cluster's executors may, when it does not. */
  public boolean visible() {
    return Files.isDirectory(folder);
  }

  /**
   * SHA-256 over config.json, tokenizer.json, and of each weight file its name, size and first MiB,
   * which holds the header with all shapes and offsets; hashing every weight of a large model would
   * take minutes. Shortened.
   */
  public String fingerprint() {
    if (!visible()) {
      return "unknown";
    }
    try (Stream<Path> files = Files.list(folder)) {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(Files.readAllBytes(folder.resolve("config.json")));
      digest.update(Files.readAllBytes(folder.resolve("tokenizer.json")));
      List<Path> weights =
          files.filter(file -> file.toString().endsWith(".safetensors")).sorted().toList();
      for (Path file : weights) {
        String nameAndSize = file.getFileName() + " " + Files.size(file);
        digest.update(nameAndSize.getBytes(StandardCharsets.UTF_8));
        try (var in = Files.newInputStream(file)) {
          digest.update(in.readNBytes(HASHED_BYTES_PER_WEIGHT_FILE));
        }
      }
      return shortened(digest);
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    } catch (NoSuchAlgorithmException everyJavaHasIt) {
      throw new IllegalStateException(everyJavaHasIt);
    }
  }

  /** The same kind of hash over text. */
  public static String hash(String text) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(text.getBytes(StandardCharsets.UTF_8));
      return shortened(digest);
    } catch (NoSuchAlgorithmException everyJavaHasIt) {
      throw new IllegalStateException(everyJavaHasIt);
    }
  }

  private static String shortened(MessageDigest digest) {
    return HexFormat.of().formatHex(digest.digest()).substring(0, FINGERPRINT_CHARACTERS);
  }
}
