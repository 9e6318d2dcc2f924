package dev.questspark.job.hub;

import dev.questspark.engine.checkpoint.HubCache;
import dev.questspark.engine.checkpoint.HubCache.Id;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.hub.HubClient.Body;
import dev.questspark.job.hub.HubClient.Listing;
import dev.questspark.job.hub.HubClient.Source;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings a model's files into the cache of Hugging Face's own tools, in its layout: content lies in
 * {@code blobs} under its hash, {@code snapshots/COMMIT} has links to it, and {@code refs} says
 * what commit a branch is. What an interrupted download has got stays in {@code
 * blobs/HASH.incomplete}, where the next one goes on, theirs or ours.
 */
final class HubDownload {
  private static final Logger LOG = LoggerFactory.getLogger(HubDownload.class);
  private static final String INCOMPLETE = ".incomplete";
  private static final int BUFFER_BYTES = 1 << 20;

  /** In a row without a byte between them. */
  private static final int MOST_FAILURES = 5;

  private final Id id;
  private final HubSettings hub;
  private final HubClient client;
  private final Duration pause;
  private final Path entry;

  /**
   * @param pause between two attempts, times their number
   */
  HubDownload(Id id, HubSettings hub, Duration pause) {
    this.id = id;
    this.hub = hub;
    this.client = new HubClient(hub);
    this.pause = pause;
    this.entry = HubCache.entry(hub.cache(), id);
  }

  /**
   * Makes the snapshot complete; the caller holds the machine's lock on the model.
   *
   * @param weights whether they are wanted too
   * @return the snapshot's folder
   */
  Path run(boolean weights) throws IOException {
    Listing listing = client.list(id);
    if (!listing.commit().matches("[0-9a-f]{7,64}")) {
      throw new IOException("it names commit " + listing.commit() + " of " + id);
    }
    Path snapshot = entry.resolve("snapshots").resolve(listing.commit());
    Files.createDirectories(snapshot);
    Files.createDirectories(entry.resolve("blobs"));
    if (!listing.commit().equals(id.revision())) {
      Path ref = entry.resolve("refs").resolve(id.revision());
      Files.createDirectories(ref.getParent());
      Files.writeString(ref, listing.commit());
    }
    fetch(listing, HubFiles.small(listing.names()), snapshot);
    if (weights && !listing.names().contains("adapter_config.json")) {
      fetch(listing, HubFiles.weights(id, listing.names(), snapshot), snapshot);
    }
    return snapshot;
  }

  /** What the weights are, of a snapshot that has the small files. */
  List<HubFile> weights(Path snapshot) throws IOException {
    Listing listing = client.list(id);
    List<HubFile> files = new ArrayList<>();
    for (String name : HubFiles.weights(id, listing.names(), snapshot)) {
      files.add(client.head(id, listing.commit(), name).file());
    }
    return files;
  }

  private void fetch(Listing listing, List<String> names, Path snapshot) throws IOException {
    List<Source> missing = new ArrayList<>();
    for (String name : names) {
      if (!Files.isRegularFile(snapshot.resolve(name))) {
        missing.add(client.head(id, listing.commit(), name));
      }
    }
    long bytes = 0;
    for (Source source : missing) {
      bytes += source.file().bytes() - here(source.file());
    }
    if (missing.isEmpty()) {
      return;
    }
    refuseWithoutRoom(bytes);
    HubProgress progress = new HubProgress(id, missing.size(), bytes, LOG::info);
    if (bytes > 0) {
      progress.begins(listing.commit(), hub);
    }
    for (Source source : missing) {
      Path blob = entry.resolve("blobs").resolve(source.file().etag());
      if (!Files.isRegularFile(blob)) {
        download(source, blob, progress);
      }
      link(snapshot.resolve(source.file().name()), blob);
    }
    if (bytes > 0) {
      progress.ends();
    }
  }

  /** Bytes of a file that an earlier download has got. */
  private long here(HubFile file) throws IOException {
    Path blob = entry.resolve("blobs").resolve(file.etag());
    if (Files.isRegularFile(blob)) {
      return file.bytes();
    }
    Path incomplete = incomplete(blob);
    return Files.isRegularFile(incomplete) ? Math.min(file.bytes(), Files.size(incomplete)) : 0;
  }

  private static Path incomplete(Path blob) {
    return blob.resolveSibling(blob.getFileName() + INCOMPLETE);
  }

  private void refuseWithoutRoom(long bytes) throws IOException {
    long room = Files.getFileStore(entry).getUsableSpace();
    if (bytes > room) {
      throw new ConfigException(
          "model "
              + id
              + " needs "
              + HubProgress.size(bytes)
              + " more in the Hugging Face cache "
              + hub.cache()
              + ", which has room for "
              + HubProgress.size(room)
              + "; free some, or name another place with HF_HUB_CACHE.");
    }
  }

  /** Goes on where an attempt broke off, as long as each brings something. */
  private void download(Source source, Path blob, HubProgress progress) throws IOException {
    Path incomplete = incomplete(blob);
    int failures = 0;
    boolean again = false;
    while (true) {
      long before = size(incomplete);
      try {
        append(source, incomplete, progress);
      } catch (IOException broken) {
        failures = size(incomplete) > before ? 0 : failures + 1;
        if (failures == MOST_FAILURES) {
          throw broken;
        }
        LOG.warn("{}: {}; trying again", source.file().name(), HubRefusal.reason(broken));
        pause(failures);
        continue;
      }
      if (ContentHash.fits(incomplete, source.file())) {
        Files.move(incomplete, blob, StandardCopyOption.ATOMIC_MOVE);
        return;
      }
      progress.lost(size(incomplete));
      Files.delete(incomplete);
      if (again) {
        throw new ConfigException(
            "model "
                + id
                + ": "
                + source.file().name()
                + " came twice with another content than "
                + hub.endpoint()
                + " says (hash "
                + source.file().etag()
                + "); run again later, or check what stands between (a proxy, a mirror).");
      }
      again = true;
      LOG.warn("{} came with another content than the hub says", source.file().name());
    }
  }

  private static long size(Path file) throws IOException {
    return Files.isRegularFile(file) ? Files.size(file) : 0;
  }

  private void append(Source source, Path incomplete, HubProgress progress) throws IOException {
    long bytes = source.file().bytes();
    if (size(incomplete) > bytes) {
      Files.delete(incomplete);
    }
    long from = size(incomplete);
    if (from == bytes && Files.isRegularFile(incomplete)) {
      return;
    }
    Body body = client.get(id, source, from);
    if (body.from() < from) {
      progress.lost(from);
    }
    try (InputStream in = body.bytes();
        OutputStream out =
            Files.newOutputStream(
                incomplete,
                StandardOpenOption.CREATE,
                body.from() > 0 ? StandardOpenOption.APPEND : StandardOpenOption.TRUNCATE_EXISTING,
                StandardOpenOption.WRITE)) {
      byte[] buffer = new byte[BUFFER_BYTES];
      for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
        out.write(buffer, 0, read);
        progress.got(source.file().name(), read);
      }
    }
    if (size(incomplete) < bytes) {
      throw new IOException("it broke off after " + size(incomplete) + " of " + bytes + " bytes");
    }
  }

  private void pause(int times) throws IOException {
    try {
      Thread.sleep(pause.multipliedBy(times).toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("the download was interrupted", e);
    }
  }

  /** Links as huggingface_hub does; a file system without links gets a copy. */
  private static void link(Path name, Path blob) throws IOException {
    if (Files.isSymbolicLink(name)) {
      Files.delete(name); // its content is gone
    }
    try {
      Files.createSymbolicLink(name, name.getParent().relativize(blob));
    } catch (UnsupportedOperationException | IOException noLinks) {
      Files.copy(blob, name, StandardCopyOption.REPLACE_EXISTING);
    }
  }
}
