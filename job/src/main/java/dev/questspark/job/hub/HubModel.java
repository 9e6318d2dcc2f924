package dev.questspark.job.hub;

import dev.questspark.engine.checkpoint.HubCache;
import dev.questspark.engine.checkpoint.HubCache.Id;
import dev.questspark.engine.failure.ConfigException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A model by its name on Hugging Face's hub. What the machine's cache has complete is used as it
 * is, without a request; the rest is downloaded, by one process of the machine while others wait
 * for it.
 */
public final class HubModel {
  private static final Duration PAUSE = Duration.ofSeconds(1);

  private final Id id;
  private final HubSettings hub;
  private final Duration pause;

  HubModel(Id id, HubSettings hub, Duration pause) {
    this.id = id;
    this.hub = hub;
    this.pause = pause;
  }

  /**
   * The model of a name; empty when the name is none of the hub's.
   *
   * @param name {@code org/name}, {@code org/name@revision}
   */
  public static Optional<HubModel> of(String name, Map<String, String> environment) {
    return HubCache.id(name).map(id -> new HubModel(id, HubSettings.of(environment), PAUSE));
  }

  /**
   * The model's folder in the cache, with everything in it.
   *
   * @throws ConfigException when the hub refuses it, or it is not here and cannot be got
   */
  public Path folder() {
    try {
      return locked(true);
    } catch (Offline offline) {
      throw HubRefusal.offline(id, hub);
    } catch (IOException unreachable) {
      throw HubRefusal.unreachable(id, hub, unreachable);
    }
  }

  /**
   * The same with everything but the weights; empty where nothing of the model is here and the hub
   * is out of reach, since other machines may have both.
   *
   * @throws ConfigException when the hub refuses it
   */
  public Optional<Path> withoutWeights() {
    try {
      return Optional.of(locked(false));
    } catch (IOException unreachable) {
      return Optional.empty();
    }
  }

  /** The hub may not be asked. */
  private static final class Offline extends IOException {
    private static final long serialVersionUID = 1L;
  }

  private Path locked(boolean weights) throws IOException {
    Optional<Path> here = cached(weights);
    if (here.isPresent()) {
      return here.get();
    }
    if (hub.offline()) {
      throw new Offline();
    }
    Path locks = hub.cache().resolve(".locks").resolve(HubCache.folderName(id));
    Files.createDirectories(locks);
    synchronized (HubModel.class) { // a file lock is the process's, not the thread's
      try (FileChannel channel =
              FileChannel.open(
                  locks.resolve("questspark.lock"),
                  StandardOpenOption.CREATE,
                  StandardOpenOption.WRITE);
          FileLock alone = channel.lock()) {
        here = alone.isValid() ? cached(weights) : Optional.empty(); // another may have got it
        return here.isPresent() ? here.get() : new HubDownload(id, hub, pause).run(weights);
      }
    }
  }

  /** The snapshot in the cache, if it has what is wanted. */
  private Optional<Path> cached(boolean weights) throws IOException {
    Optional<Path> snapshot = HubCache.find(hub.cache(), id);
    if (snapshot.isEmpty()) {
      return snapshot;
    }
    boolean enough =
        HubFiles.complete(snapshot.get()) || !weights && hub.offline() && hasConfig(snapshot.get());
    return enough ? snapshot : Optional.empty();
  }

  private static boolean hasConfig(Path snapshot) {
    return Files.isRegularFile(snapshot.resolve("config.json"));
  }

  /**
   * Name, length and hash of the weight files: by the cache's links where they are here, else by
   * the hub. Empty where neither tells the hashes.
   *
   * @param snapshot from {@link #folder} or {@link #withoutWeights}
   */
  public List<HubFile> weights(Path snapshot) throws IOException {
    List<Path> here = HubFiles.weightsIn(snapshot);
    List<HubFile> files = new ArrayList<>();
    for (Path file : here) {
      if (Files.isSymbolicLink(file)) {
        String etag = Files.readSymbolicLink(file).getFileName().toString();
        files.add(new HubFile(file.getFileName().toString(), etag, Files.size(file)));
      }
    }
    if (!here.isEmpty()) {
      return files.size() == here.size() ? files : List.of();
    }
    return hub.offline() ? List.of() : new HubDownload(id, hub, pause).weights(snapshot);
  }

  /** Whether a snapshot has its weights. */
  public boolean isWhole(Path snapshot) {
    try {
      return HubFiles.complete(snapshot);
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
  }

  /** The model by its commit, so that all machines take the same one. */
  public String pinned(Path snapshot) {
    return id.repository() + "@" + snapshot.getFileName();
  }
}
