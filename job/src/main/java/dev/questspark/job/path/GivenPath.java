package dev.questspark.job.path;

import java.net.URI;
import java.util.Map;
import org.apache.hadoop.fs.Path;

/**
 * A path as a user wrote it. Hadoop takes what stands before a colon for a scheme, and Spark takes
 * brackets, braces and stars for patterns; here a path is a path.
 */
public final class GivenPath {
  /** Option of Spark's file readers: the path is one path and no pattern. */
  public static final Map<String, String> LITERALLY = Map.of("__globPaths__", "false");

  private GivenPath() {}

  /**
   * The path, where a colon is part of a name unless a slash follows it, as in {@code hdfs://}.
   *
   * @throws IllegalArgumentException when it is empty
   */
  public static Path of(String text) {
    int colon = text.indexOf(':');
    int slash = text.indexOf('/');
    boolean name = colon >= 0 && (slash < 0 || colon < slash) && !text.startsWith("/", colon + 1);
    return new Path(name ? "./" + text : text);
  }

  /** The path behind a URI, such as Spark's {@code _metadata.file_path}, which escapes blanks. */
  public static Path ofUri(String uri) {
    try {
      return new Path(URI.create(uri));
    } catch (IllegalArgumentException plain) {
      return new Path(uri);
    }
  }

  /** Whether the text has a character that means something in a pattern. */
  public static boolean mayBePattern(String text) {
    return text.chars().anyMatch(character -> "*?[]{}\\".indexOf(character) >= 0);
  }

  /** A path as a user would write it. */
  public static String shown(Path path) {
    URI uri = path.toUri();
    return "file".equals(uri.getScheme()) ? uri.getPath() : path.toString();
  }
}
