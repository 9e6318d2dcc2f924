package dev.questspark.engine.tokens;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import dev.questspark.engine.failure.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Loads the native tokenizers library out of the jar, once per process.
 *
 * <p>Left to itself DJL asks the network for a CUDA build where it sees a GPU, reports usage, and
 * keeps the library in the home directory, which an executor may not have. Here it is offline,
 * takes the CPU build, and unpacks into a fresh private directory that is removed as soon as the
 * library is loaded. A property that the user has set stays.
 */
final class NativeTokenizers {
  private static final Logger LOG = LoggerFactory.getLogger(NativeTokenizers.class);
  private static final String CACHE_DIR = "ENGINE_CACHE_DIR";
  private static boolean loaded;

  private NativeTokenizers() {}

  static synchronized void load() {
    if (loaded) {
      return;
    }
    setIfAbsent("ai.djl.offline", "true");
    setIfAbsent("OPT_OUT_TRACKING", "true");
    try {
      if (System.getProperty(CACHE_DIR) != null || System.getenv(CACHE_DIR) != null) {
        touch();
      } else {
        touchIn(Files.createTempDirectory("questspark-tokenizers-"));
      }
      loaded = true;
    } catch (IOException | RuntimeException | LinkageError e) {
      throw new ConfigException(
          "the native tokenizers library cannot be loaded from java.io.tmpdir "
              + System.getProperty("java.io.tmpdir")
              + " ("
              + e.getMessage()
              + "); it must be writable and allow execution",
          e);
    }
  }

  private static void touchIn(Path directory) throws IOException {
    System.setProperty(CACHE_DIR, directory.toString());
    try {
      touch();
    } finally {
      System.clearProperty(CACHE_DIR);
      delete(directory);
    }
  }

  /** Initialising this class is what loads the library. */
  private static void touch() {
    if (TokenizersLibrary.LIB == null) {
      throw new IllegalStateException("no library");
    }
  }

  /** The process keeps the loaded library; where the system locks its file, it goes at exit. */
  private static void delete(Path directory) throws IOException {
    List<Path> deepestFirst;
    try (Stream<Path> paths = Files.walk(directory)) {
      deepestFirst = paths.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path path : deepestFirst) {
      try {
        Files.delete(path);
      } catch (IOException e) {
        LOG.debug("{} stays until exit", path, e);
        path.toFile().deleteOnExit();
      }
    }
  }

  private static void setIfAbsent(String property, String value) {
    if (System.getProperty(property) == null && System.getenv(property) == null) {
      System.setProperty(property, value);
    }
  }
}
