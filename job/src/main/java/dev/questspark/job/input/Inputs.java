package dev.questspark.job.input;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.path.GivenPath;
import dev.questspark.job.path.PartitionFolders;
import dev.questspark.job.path.PathPattern;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.GlobPattern;
import org.apache.hadoop.fs.Path;

/**
 * What the paths of an input lead to: all files below them, and those that are left out by name.
 *
 * @param given as the user wrote them
 * @param roots files and folders that the paths name, in full
 * @param files below the roots, by path
 * @param hidden below the roots, in a file or folder that begins with {@code _} or {@code .}
 * @param tableFormat of a table format whose log lies in a root; null without one
 */
record Inputs(
    List<String> given,
    List<Path> roots,
    List<InputFile> files,
    List<String> hidden,
    String tableFormat) {

  /** Left behind by writers; nobody takes them for documents. */
  private static final Set<String> MARKERS =
      Set.of("_SUCCESS", "_temporary", "_metadata", "_common_metadata", ".DS_Store");

  /** Folders of a table's log, and the Spark source that reads the table. */
  private static final Map<String, String> LOGS = Map.of("_delta_log", "delta", ".hoodie", "hudi");

  /** One path of the input. */
  private record Root(Path path, Path idFolder, String idPrefix) {}

  /**
   * Follows the paths.
   *
   * @throws ConfigException when one leads to nothing, or cannot be read
   */
  static Inputs of(List<String> given, Configuration hadoop) {
    List<Path> roots = new ArrayList<>();
    List<InputFile> files = new ArrayList<>();
    List<String> hidden = new ArrayList<>();
    String tableFormat = null;
    for (String input : given) {
      try {
        for (Root root : roots(input, given.size() > 1, hadoop)) {
          FileSystem system = root.path.getFileSystem(hadoop);
          FileStatus status = system.getFileStatus(root.path);
          roots.add(status.getPath());
          String log =
              status.isDirectory() ? tableFormat(system, system.listStatus(root.path)) : null;
          tableFormat = log == null ? tableFormat : log;
          if (status.isFile()) {
            files.add(file(status, root));
          } else if (log == null) {
            walk(system, root.path, root, files, hidden);
          }
        }
      } catch (ConfigException told) { // in its own words
        throw told;
      } catch (IOException | IllegalArgumentException unreadable) {
        throw new ConfigException(
            "Input " + input + " cannot be read: " + unreadable.getMessage() + "; check --input.",
            unreadable);
      }
    }
    files.sort(Comparator.comparing(InputFile::path));
    return new Inputs(given, roots, files, hidden, tableFormat);
  }

  /** A path that exists is that path; any other may be a pattern. */
  private static List<Root> roots(String input, boolean several, Configuration hadoop)
      throws IOException {
    Path path = GivenPath.of(input);
    FileSystem system = path.getFileSystem(hadoop);
    Path full = system.makeQualified(path);
    try {
      FileStatus found = system.getFileStatus(full);
      Path folder = found.isFile() ? full.getParent() : full;
      return List.of(
          new Root(full, folder, several && !found.isFile() ? full.getName() + "/" : ""));
    } catch (FileNotFoundException maybePattern) {
      if (!GivenPath.mayBePattern(input)) {
        throw new ConfigException("Input " + input + " does not exist; check --input.");
      }
    }
    List<Path> found = PathPattern.matches(system, full);
    if (found.isEmpty()) {
      throw new ConfigException(
          "Input "
              + input
              + " does not exist: there is no such path, and as a pattern (of *, ?, [] and {}) it"
              + " matches nothing; check --input.");
    }
    Path above = full;
    while (GivenPath.mayBePattern(above.toString())) {
      above = above.getParent();
    }
    Path folder = above;
    return found.stream().map(match -> new Root(match, folder, "")).toList();
  }

  private static void walk(
      FileSystem system, Path folder, Root root, List<InputFile> files, List<String> hidden)
      throws IOException {
    FileStatus[] all = system.listStatus(folder);
    String format = tableFormat(system, all);
    if (format != null && !folder.equals(root.path)) {
      throw new ConfigException(
          "Input "
              + GivenPath.shown(root.path)
              + " holds a "
              + format
              + " table in "
              + id(folder, root)
              + ", whose files are not its rows; give that folder as --input of its own, or move it.");
    }
    for (FileStatus found : all) {
      String name = found.getPath().getName();
      boolean partition = found.isDirectory() && name.indexOf('=') > 0;
      if ((name.startsWith("_") || name.startsWith(".")) && !partition) {
        if (!MARKERS.contains(name) && !name.endsWith(".crc")) {
          hidden.add(id(found.getPath(), root));
        }
      } else if (found.isDirectory()) {
        walk(system, found.getPath(), root, files, hidden);
      } else {
        files.add(file(found, root));
      }
    }
  }

  private static InputFile file(FileStatus status, Root root) {
    String id = id(status.getPath(), root);
    return new InputFile(
        status.getPath().toString(),
        id,
        status.getLen(),
        PartitionFolders.values(status.getPath()));
  }

  private static String id(Path file, Root root) {
    String above = root.idFolder.toUri().getPath();
    String path = file.toUri().getPath();
    return root.idPrefix + path.substring(above.length() + (above.endsWith("/") ? 0 : 1));
  }

  /** The table format whose log is among a folder's entries: its files are not its rows. */
  private static String tableFormat(FileSystem system, FileStatus[] entries) throws IOException {
    for (FileStatus entry : entries) {
      String name = entry.getPath().getName();
      if (entry.isDirectory() && LOGS.containsKey(name)) {
        return LOGS.get(name);
      }
      if (entry.isDirectory() && name.equals("metadata")) {
        for (FileStatus file : system.listStatus(entry.getPath())) {
          if (file.getPath().getName().endsWith(".metadata.json")) {
            return "iceberg";
          }
        }
      }
    }
    return null;
  }

  /**
   * Refuses an output that the input would read: this run's answers would be the next one's
   * documents.
   *
   * @param output the folder that receives the results
   * @throws ConfigException when it is inside a folder of the input, or matches its pattern
   */
  static void refuseInside(List<String> given, Path output, Configuration hadoop) {
    for (String input : given) {
      for (Path at = output; at != null; at = at.getParent()) {
        if (holds(input, at, hadoop)) {
          throw new ConfigException(
              "Output "
                  + GivenPath.shown(output)
                  + (at.equals(output) ? " is the input " : " is inside the input ")
                  + input
                  + ", so that answers would be read as documents; give --output another folder.");
        }
      }
    }
  }

  private static boolean holds(String input, Path folder, Configuration hadoop) {
    try {
      Path path = GivenPath.of(input);
      FileSystem system = path.getFileSystem(hadoop);
      Path full = system.makeQualified(path);
      if (!system.exists(full) && GivenPath.mayBePattern(input)) {
        return new GlobPattern(full.toUri().getPath()).matches(folder.toUri().getPath())
            && full.depth() == folder.depth();
      }
      return resolved(full).equals(resolved(folder));
    } catch (IOException | IllegalArgumentException unreadable) {
      return false; // the input's own check says so
    }
  }

  /** On a local disk, behind links. */
  private static Path resolved(Path path) {
    try {
      return "file".equals(path.toUri().getScheme())
          ? new Path(java.nio.file.Path.of(path.toUri().getPath()).toRealPath().toUri())
          : path;
    } catch (IOException missing) {
      return path;
    }
  }
}
