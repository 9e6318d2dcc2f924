package dev.questspark.job.path;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.GlobPattern;
import org.apache.hadoop.fs.Path;

/**
 * What a pattern of {@code *}, {@code ?}, {@code []} and {@code {}} matches, folder by folder.
 * Hadoop's own search fails as soon as a name beside has a colon.
 */
public final class PathPattern {
  private PathPattern() {}

  /** The paths, in the file system's order; names that begin with _ or . only where asked for. */
  public static List<Path> matches(FileSystem system, Path pattern) throws IOException {
    List<Path> found = new ArrayList<>(List.of(new Path(system.getUri().toString() + "/")));
    for (String name : pattern.toUri().getPath().substring(1).split("/")) {
      List<Path> next = new ArrayList<>();
      for (Path folder : found) {
        if (GivenPath.mayBePattern(name)) {
          addMatches(system, folder, name, next);
        } else {
          Path child = child(folder, name);
          if (system.exists(child)) {
            next.add(child);
          }
        }
      }
      found = next;
    }
    return found.stream().map(system::makeQualified).toList();
  }

  private static void addMatches(FileSystem system, Path folder, String name, List<Path> matches)
      throws IOException {
    GlobPattern pattern = new GlobPattern(name);
    boolean hidden = name.startsWith("_") || name.startsWith(".");
    if (!system.getFileStatus(folder).isDirectory()) {
      return; // a file has nothing below it
    }
    for (FileStatus entry : system.listStatus(folder)) {
      String found = entry.getPath().getName();
      boolean shown = hidden || !found.startsWith("_") && !found.startsWith(".");
      if (shown && pattern.matches(found)) {
        matches.add(entry.getPath());
      }
    }
  }

  /** Not by Hadoop's way of joining, to which a colon in the name is the end of a scheme. */
  private static Path child(Path folder, String name) {
    String above = folder.toUri().getPath();
    return new Path(
        folder.toUri().getScheme(),
        folder.toUri().getAuthority(),
        (above.endsWith("/") ? above : above + "/") + name);
  }
}
