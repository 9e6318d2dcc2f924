package dev.questspark.job.model;

import dev.questspark.engine.failure.ConfigException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import java.util.zip.CheckedInputStream;
import org.apache.hadoop.fs.FileStatus;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A machine's copies of remote models, shared by all JVMs of one user and by later runs. Nobody
 * else may write here: who can replace a copy can replace its checksums too. A copy is made in a
 * folder of its own, and gets its name when it is complete, with a list of checksums inside; a copy
 * that fits its list or the source's lengths no more is made again. Whoever writes holds a lock
 * file that the operating system releases even when the process dies.
 *
 * <pre>
 * model_cache/
 *   llama-1f2e3d4c5b6a7988/          the copy; "checksums" lists name, bytes and CRC-32C of each file
 *   llama-1f2e3d4c5b6a7988.lock
 *   llama-1f2e3d4c5b6a7988.partial/  being made, or left by a process that died
 * </pre>
 */
final class ModelCache {
  private static final Logger LOG = LoggerFactory.getLogger(ModelCache.class);
  private static final String CHECKSUMS = "checksums";
  private static final int BUFFER_BYTES = 1 << 20;

  private final Path root;

  ModelCache(Path root) {
    this.root = root;
  }

  /**
   * The model's copy on this machine, verified; made if need be, while others wait for it.
   *
   * @throws IOException when the model cannot be read or the copy not be written
   * @throws ConfigException when the copy has no room, or others can write to the cache
   */
  Path fetch(RemoteModel model) throws IOException {
    PrivateFolder.make(root);
    String entry = model.name() + "-" + model.key();
    Path copy = root.resolve(entry);
    synchronized (ModelCache.class) { // a file lock is the process's, not the thread's
      try (FileChannel channel =
          FileChannel.open(
              root.resolve(entry + ".lock"),
              StandardOpenOption.CREATE,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE)) {
        try (FileLock shared = channel.lock(0, Long.MAX_VALUE, true)) {
          if (shared.isValid() && sound(model, copy)) {
            return copy;
          }
        }
        try (FileLock alone = channel.lock()) {
          if (!alone.isValid() || !sound(model, copy)) { // another JVM may have made it meanwhile
            make(model, copy, root.resolve(entry + ".partial"));
          }
          return copy;
        }
      }
    }
  }

  private void make(RemoteModel model, Path copy, Path partial) throws IOException {
    delete(partial);
    if (Files.exists(copy)) {
      LOG.warn("{} is damaged and is copied again", copy);
      delete(copy);
    }
    long room = Files.getFileStore(root).getUsableSpace();
    if (room < model.bytes()) {
      throw new ConfigException(
          "Model "
              + model.path()
              + " has "
              + (model.bytes() >> 20)
              + " MiB, but model_cache "
              + root
              + " has room for "
              + (room >> 20)
              + " MiB; free some, or name another folder with --model-cache.");
    }
    LOG.info("copying {} ({} MiB) to {}", model.path(), model.bytes() >> 20, copy);
    Files.createDirectories(partial);
    StringBuilder checksums = new StringBuilder();
    for (FileStatus file : model.files()) {
      String name = file.getPath().getName();
      long checksum = copy(model, file, partial.resolve(name));
      checksums.append("%s %d %08x%n".formatted(name, Files.size(partial.resolve(name)), checksum));
    }
    Files.writeString(partial.resolve(CHECKSUMS), checksums);
    Files.move(partial, copy, StandardCopyOption.ATOMIC_MOVE);
  }

  /** CRC-32C of what was copied. */
  private static long copy(RemoteModel model, FileStatus file, Path target) throws IOException {
    CRC32C checksum = new CRC32C();
    long bytes;
    try (InputStream in =
            new CheckedInputStream(model.system().open(file.getPath(), BUFFER_BYTES), checksum);
        OutputStream out = Files.newOutputStream(target)) {
      bytes = transfer(in, out);
    }
    if (bytes != file.getLen()) {
      throw new IOException(
          file.getPath() + " has " + file.getLen() + " bytes, but only " + bytes + " came");
    }
    return checksum.getValue();
  }

  private static long transfer(InputStream in, OutputStream out) throws IOException {
    byte[] buffer = new byte[BUFFER_BYTES];
    long bytes = 0;
    for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
      out.write(buffer, 0, read);
      bytes += read;
    }
    return bytes;
  }

  /** Whether every file of the source is there with its length, and is what its line says. */
  private static boolean sound(RemoteModel model, Path copy) throws IOException {
    if (!Files.isRegularFile(copy.resolve(CHECKSUMS))) {
      return false;
    }
    Map<String, String> lines = checksums(copy);
    for (FileStatus file : model.files()) {
      String line = lines.get(file.getPath().getName());
      if (line == null || !line.startsWith(file.getLen() + " ")) {
        return false;
      }
    }
    for (Map.Entry<String, String> line : lines.entrySet()) {
      try {
        CRC32C checksum = new CRC32C();
        long bytes;
        try (InputStream in =
            new CheckedInputStream(Files.newInputStream(copy.resolve(line.getKey())), checksum)) {
          bytes = transfer(in, OutputStream.nullOutputStream());
        }
        if (!line.getValue().equals("%d %08x".formatted(bytes, checksum.getValue()))) {
          return false;
        }
      } catch (FileNotFoundException | java.nio.file.NoSuchFileException missing) {
        return false;
      }
    }
    return true;
  }

  private static Map<String, String> checksums(Path copy) throws IOException {
    Map<String, String> lines = new LinkedHashMap<>();
    for (String line : Files.readAllLines(copy.resolve(CHECKSUMS))) {
      int end = line.lastIndexOf(' ', line.lastIndexOf(' ') - 1); // a name may have blanks
      lines.put(line.substring(0, Math.max(0, end)), line.substring(end + 1));
    }
    return lines;
  }

  private static void delete(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    try (Stream<Path> files = Files.walk(folder)) {
      List<Path> deepestFirst = files.sorted(Comparator.reverseOrder()).toList();
      for (Path file : deepestFirst) {
        Files.delete(file);
      }
    }
  }
}
