package dev.questspark.job.model;

import dev.questspark.engine.checkpoint.ModelFiles;
import dev.questspark.engine.checkpoint.files.Checkpoint;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.ModelWeights;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.model.family.ModelConfigReader;
import dev.questspark.job.hub.HubFile;
import dev.questspark.job.hub.HubModel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;

/** What can be said about a model without loading it. */
public final class ModelFolder {
  private final Path folder;

  /** Where the weights are when they are not in the folder; null when they are. */
  private final RemoteModel elsewhere;

  /** Whose cache the folder is of; null for any other folder. */
  private final HubModel hub;

  /** Whether the weights are here. */
  private final boolean whole;

  private String fingerprint;

  private ModelFolder(Path folder, RemoteModel elsewhere, HubModel hub, boolean whole) {
    this.folder = folder;
    this.elsewhere = elsewhere;
    this.hub = hub;
    this.whole = whole;
  }

  /**
   * What this machine has, or fetches, of a model.
   *
   * @param whole whether the weights of a remote model must be here, or may stay where they are
   * @throws ConfigException when a remote one cannot be read
   */
  public static ModelFolder of(ModelLocation location, boolean whole, Configuration hadoop) {
    if (location.remote()) {
      return whole
          ? new ModelFolder(location.folder(hadoop), null, null, true)
          : new ModelFolder(
              location.withoutWeights(hadoop),
              RemoteModel.of(location.model(), hadoop),
              null,
              false);
    }
    Optional<HubModel> hub = location.hub();
    Path folder = whole ? location.folder(hadoop) : location.withoutWeights(hadoop);
    boolean found = hub.isPresent() && Files.exists(folder);
    return new ModelFolder(
        folder, null, found ? hub.get() : null, whole || !found || hub.get().isWhole(folder));
  }

  /**
   * Parses the configuration, and the headers of the weights that are here: whether every tensor is
   * there in the shape that the configuration expects.
   *
   * @param configOverrides a JSON object of fields in the place of config.json's
   * @throws ConfigException when something is missing, damaged, or of an unknown architecture
   */
  public void check(String configOverrides) {
    if (!visible()) {
      throw ModelFiles.absent(folder);
    }
    ModelFiles files = ModelFiles.of(folder);
    ModelConfig config = ModelConfigReader.read(folder, configOverrides);
    files.requireJson("tokenizer.json");
    if (whole) {
      ModelWeights.check(folder, config);
    } else if (elsewhere != null && elsewhere.weights().isEmpty()) {
      throw new ConfigException(
          "Model folder " + elsewhere.path() + " has no .safetensors file; check --model.");
    }
  }

  /**
   * Layers of the model, where this machine sees its configuration.
   *
   * @throws ConfigException when that is of an unknown architecture
   */
  public OptionalInt layers(String configOverrides) {
    return visible()
        ? OptionalInt.of(ModelConfigReader.read(folder, configOverrides).layers())
        : OptionalInt.empty();
  }

  /** Whether this machine sees the folder at all; a cluster's executors may, when it does not. */
  public boolean visible() {
    return Files.exists(folder);
  }

  /**
   * How the weights are stored where loading them takes more than copying, and what that loses;
   * empty where there is nothing to say, or the weights are not here.
   */
  public String format() {
    if (!visible() || !whole) {
      return "";
    }
    try (Checkpoint weights = ModelFiles.of(folder).weights()) {
      return weights.format();
    }
  }

  /** The folder on this machine, with the tokenizer in it. */
  public Path path() {
    return folder;
  }

  /**
   * What tells this model from others: {@link ModelFingerprint}. Sees a model that was trained
   * further, in place or not; {@code unknown} where this machine does not see the folder.
   */
  public String fingerprint() {
    if (!visible()) {
      return "unknown";
    }
    try {
      if (fingerprint == null) {
        fingerprint = fingerprintOfAll();
      }
      return fingerprint;
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
  }

  /**
   * The hub's own hashes tell more than samples, and are known before the weights are here. Where a
   * cache without links does not have them, samples do.
   */
  private String fingerprintOfAll() throws IOException {
    List<HubFile> hashed = hub == null ? List.of() : hub.weights(folder);
    if (!hashed.isEmpty()) {
      return ModelFingerprint.of(folder, hashed);
    }
    return elsewhere == null ? ModelFingerprint.of(folder) : ModelFingerprint.of(folder, elsewhere);
  }

  /** The model as every machine will take it: one of the hub by its commit. */
  public Optional<String> pinned() {
    return Optional.ofNullable(hub).map(model -> model.pinned(folder));
  }

  /** Length of all weight files; 0 where this machine does not see the folder. */
  public long weightBytes() {
    if (elsewhere != null) {
      return elsewhere.weights().stream().mapToLong(FileStatus::getLen).sum();
    }
    if (!visible()) {
      return 0;
    }
    if (!whole) {
      return hubWeights().stream().mapToLong(HubFile::bytes).sum();
    }
    return ModelFiles.of(folder).weightFiles().stream()
        .mapToLong(file -> file.toFile().length())
        .sum();
  }

  private List<HubFile> hubWeights() {
    try {
      return hub.weights(folder);
    } catch (IOException unreachable) {
      throw new UncheckedIOException(unreachable);
    }
  }

  /** The same kind of hash over text. */
  public static String hash(String text) {
    return ModelFingerprint.of(text);
  }
}
