package dev.questspark.job.corpus;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.Choices.InputFormat;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Where the corpus lies and what it is.
 *
 * @param path as Spark reads it
 * @param format never AUTO
 * @param rootLength characters of a file's full path that are not part of its id
 */
record CorpusLocation(String path, InputFormat format, int rootLength) {

  static CorpusLocation of(String input, InputFormat wanted, Configuration hadoop) {
    Path path = new Path(input);
    try {
      FileSystem files = path.getFileSystem(hadoop);
      FileStatus[] found = files.globStatus(path);
      if (found == null || found.length == 0) {
        throw new ConfigException("Input " + input + " does not exist; check --input.");
      }
      FileStatus[] visible =
          found.length == 1 && found[0].isDirectory()
              ? files.listStatus(found[0].getPath())
              : found;
      InputFormat format = wanted == InputFormat.AUTO ? guess(found, visible) : wanted;
      return new CorpusLocation(input, format, rootLength(files.makeQualified(path), found));
    } catch (IOException | IllegalArgumentException unreadable) {
      throw new ConfigException(
          "Input " + input + " cannot be read: " + unreadable.getMessage(), unreadable);
    }
  }

  /** Full paths of the visible files of no bytes. */
  List<String> emptyFiles(Configuration hadoop) {
    List<String> empty = new ArrayList<>();
    try {
      Path root = new Path(path);
      FileSystem files = root.getFileSystem(hadoop);
      for (FileStatus found : files.globStatus(root)) {
        for (var all = files.listFiles(found.getPath(), true); all.hasNext(); ) {
          FileStatus file = all.next();
          String name = file.getPath().toString();
          boolean hidden = name.substring(rootLength).matches("(.*/)?[._].*");
          if (file.getLen() == 0 && !hidden) {
            empty.add(name);
          }
        }
      }
    } catch (IOException unreadable) {
      throw new ConfigException(
          "Input " + path + " cannot be read: " + unreadable.getMessage(), unreadable);
    }
    return empty;
  }

  /**
   * One known ending among the visible files decides; a folder with a PDF, an HTML page or a book
   * in it is one of files of many kinds, any other is a folder of text.
   */
  private static InputFormat guess(FileStatus[] found, FileStatus[] visible) {
    Set<InputFormat> formats =
        Arrays.stream(visible)
            .filter(file -> !file.getPath().getName().matches("[._].*"))
            .map(file -> byEnding(file.getPath().getName()))
            .collect(Collectors.toSet());
    if (found.length == 1 && byEnding(found[0].getPath().getName()) != InputFormat.TEXT) {
      return byEnding(found[0].getPath().getName());
    }
    if (formats.contains(InputFormat.BINARYFILE)) {
      return InputFormat.BINARYFILE;
    }
    return formats.size() == 1 ? formats.iterator().next() : InputFormat.TEXT;
  }

  private static InputFormat byEnding(String name) {
    String plain = name.toLowerCase(Locale.ROOT).replaceFirst("\\.(gz|bz2|zst|lz4|snappy)$", "");
    if (plain.endsWith(".jsonl") || plain.endsWith(".json") || plain.endsWith(".ndjson")) {
      return InputFormat.JSON;
    }
    if (plain.endsWith(".parquet")) {
      return InputFormat.PARQUET;
    }
    if (plain.matches(".*\\.(html?|xhtml|pdf|docx|epub)")) {
      return InputFormat.BINARYFILE;
    }
    return plain.endsWith(".csv") ? InputFormat.CSV : InputFormat.TEXT;
  }

  private static int rootLength(Path qualified, FileStatus[] found) {
    Path root = qualified;
    while (root.toString().matches(".*[*?\\[{].*")) {
      root = root.getParent();
    }
    boolean oneFile = found.length == 1 && found[0].isFile() && root.equals(qualified);
    Path folder = oneFile ? root.getParent() : root;
    return folder.toString().length() + (folder.isRoot() ? 0 : 1);
  }
}
