package dev.questspark.job.model;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.hub.HubModel;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkEnv;
import org.apache.spark.SparkFiles;

/**
 * Where the option {@code model} points: a folder of this machine, a folder of any file system that
 * Hadoop knows ({@code hdfs://}, {@code s3a://}, ...), a name inside what Spark's {@code
 * --archives} brought, or {@code org/name[@revision]} of Hugging Face's hub. In place of a folder
 * it may be a GGUF file.
 *
 * @param model as the user wrote it
 * @param cache a machine's folder for copies of remote models; {@code {tmp}} and {@code {user}}
 *     stand for what they are on that machine
 */
public record ModelLocation(String model, String cache) implements Serializable {
  /** Below the folder for temporary files, which every node has. */
  public static final String DEFAULT_CACHE = "{tmp}/questspark-models-{user}";

  private static final Map<String, String> ENVIRONMENT = System.getenv();

  /** Copies that this JVM has fetched or verified; every task asks. */
  private static final Map<ModelLocation, Path> FETCHED = new ConcurrentHashMap<>();

  /** A scheme of two letters or more; {@code C:\models} and {@code llama:v2} are none. */
  private static final String REMOTE = "[a-zA-Z][a-zA-Z0-9+.-]+:/.*";

  private static final String LOCAL = "file:";

  /** Set by YARN for what it starts. */
  private static final String YARN_CONTAINER = "CONTAINER_ID";

  /** The same place with another name of the model in it. */
  public ModelLocation named(String other) {
    return new ModelLocation(other, cache);
  }

  /** Whether a copy must be made before the model can be used. */
  public boolean remote() {
    return model.matches(REMOTE) && !model.startsWith(LOCAL);
  }

  /** The model by its name on the hub, where that is what was given. */
  Optional<HubModel> hub() {
    return remote() || Files.exists(named()) ? Optional.empty() : HubModel.of(model, ENVIRONMENT);
  }

  /**
   * The folder on this machine with everything in it; a remote one is copied, one of the hub is
   * downloaded, once per machine.
   *
   * @throws ConfigException when it cannot be read, or the copy has no room
   */
  public Path folder(Configuration hadoop) {
    if (remote()) {
      return FETCHED.computeIfAbsent(this, location -> fetch(RemoteModel.of(model, hadoop)));
    }
    return hub().isPresent()
        ? FETCHED.computeIfAbsent(this, location -> hub().orElseThrow().folder())
        : named();
  }

  /**
   * A folder on this machine with everything but the weights, which a cluster's driver has no use
   * for; of a local model the folder itself, which need not exist, and neither need that of the hub
   * where the hub is out of reach.
   *
   * @throws ConfigException when a remote one cannot be read
   */
  public Path withoutWeights(Configuration hadoop) {
    return remote()
        ? fetch(RemoteModel.of(model, hadoop).withoutWeights())
        : hub().flatMap(HubModel::withoutWeights).orElseGet(this::named);
  }

  private Path cacheFolder() {
    return Path.of(
        cache
            .replace("{tmp}", temporaryFolder(System.getenv()))
            .replace("{user}", System.getProperty("user.name")));
  }

  /**
   * The machine's folder for temporary files. In a YARN container Java's own lies in the
   * container's working directory, which is deleted with it, and no other executor sees it.
   */
  static String temporaryFolder(Map<String, String> environment) {
    return environment.containsKey(YARN_CONTAINER)
        ? environment.getOrDefault("TMPDIR", "/tmp")
        : System.getProperty("java.io.tmpdir");
  }

  private Path fetch(RemoteModel remote) {
    try {
      return new ModelCache(cacheFolder()).fetch(remote);
    } catch (IOException unreadable) {
      throw new ConfigException(
          "Model "
              + model
              + " cannot be copied to model_cache "
              + cacheFolder()
              + ": "
              + unreadable.getMessage()
              + "; check --model, and that the cache can be written.",
          unreadable);
    }
  }

  /** A relative name that is not in the working directory may be an archive's. */
  private Path named() {
    try {
      Path named = Path.of(model.startsWith(LOCAL) ? model.replaceFirst("^file:/*", "/") : model);
      if (!named.isAbsolute() && !Files.exists(named) && SparkEnv.get() != null) {
        Path unpacked = Path.of(SparkFiles.getRootDirectory()).resolve(named);
        if (Files.exists(unpacked)) {
          return unpacked.toAbsolutePath();
        }
      }
      return named;
    } catch (InvalidPathException wrong) {
      throw new ConfigException("--model " + model + " is no path: " + wrong.getMessage(), wrong);
    }
  }
}
