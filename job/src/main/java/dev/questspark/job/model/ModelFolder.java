package dev.questspark.job.model;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.ModelConfigReader;
import dev.questspark.engine.model.SafetensorsReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;

/** What can be said about a model without loading it. */
public final class ModelFolder {
  private static final int FINGERPRINT_CHARACTERS = 16;
  private static final int HASHED_BYTES_PER_WEIGHT_FILE = 1 << 20;

  private final Path folder;

  /** Where the weights are when they are not in the folder; null when they are. */
  private final RemoteModel elsewhere;

  private ModelFolder(Path folder, RemoteModel elsewhere) {
    this.folder = folder;
    this.elsewhere = elsewhere;
  }

  /**
   * What this machine has, or fetches, of a model.
   *
   * @param whole whether the weights of a remote model must be here, or may stay where they are
   * @throws ConfigException when a remote one cannot be read
   */
  public static ModelFolder of(ModelLocation location, boolean whole, Configuration hadoop) {
    return whole || !location.remote()
        ? new ModelFolder(location.folder(hadoop), null)
        : new ModelFolder(
            location.withoutWeights(hadoop), RemoteModel.of(location.model(), hadoop));
  }

  /**
   * Parses the configuration and the headers of the weights that are here.
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
    if (elsewhere == null) {
      SafetensorsReader.open(folder).close();
    } else if (elsewhere.weights().isEmpty()) {
      throw new ConfigException(
          "Model folder " + elsewhere.path() + " has no .safetensors file; check --model.");
    }
  }

  /** Whether this machine sees the folder at all; a cluster's executors may, when it does not. */
  public boolean visible() {
    return Files.isDirectory(folder);
  }

  /** The folder on this machine, with the tokenizer in it. */
  public Path path() {
    return folder;
  }

  /**
   * SHA-256 over config.json, tokenizer.json, and of each weight file its name, size and first MiB,
   * which holds the header with all shapes and offsets; hashing every weight of a large model would
   * take minutes. Shortened. The same wherever the folder is.
   */
  public String fingerprint() {
    if (!visible()) {
      return "unknown";
    }
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(Files.readAllBytes(folder.resolve("config.json")));
      digest.update(Files.readAllBytes(folder.resolve("tokenizer.json")));
      if (elsewhere == null) {
        hashWeights(digest);
      } else {
        for (FileStatus file : elsewhere.weights()) {
          try (InputStream in = elsewhere.system().open(file.getPath())) {
            hash(digest, file.getPath().getName(), file.getLen(), in);
          }
        }
      }
      return shortened(digest);
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    } catch (NoSuchAlgorithmException everyJavaHasIt) {
      throw new IllegalStateException(everyJavaHasIt);
    }
  }

  private void hashWeights(MessageDigest digest) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      List<Path> weights =
          files.filter(file -> file.toString().endsWith(RemoteModel.WEIGHTS)).sorted().toList();
      for (Path file : weights) {
        try (InputStream in = Files.newInputStream(file)) {
          hash(digest, file.getFileName().toString(), Files.size(file), in);
        }
      }
    }
  }

  private static void hash(MessageDigest digest, String name, long bytes, InputStream in)
      throws IOException {
    digest.update((name + " " + bytes).getBytes(StandardCharsets.UTF_8));
    digest.update(in.readNBytes(HASHED_BYTES_PER_WEIGHT_FILE));
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
