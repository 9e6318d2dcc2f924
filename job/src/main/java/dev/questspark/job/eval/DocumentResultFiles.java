package dev.questspark.job.eval;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * One file per cell of a document. Its name is a hash of the document and of everything that
 * decides the measurement, so a run with other options never takes another's result for its own.
 */
final class DocumentResultFiles {
  private static final int NAME_CHARACTERS = 24;

  private final Path folder;
  private final FileSystem files;

  DocumentResultFiles(String folder, Configuration hadoop) {
    this.folder = new Path(folder);
    try {
      this.files = this.folder.getFileSystem(hadoop);
    } catch (IOException unusable) {
      throw new UncheckedIOException(unusable);
    }
  }

  /** The name of the result of a line of the suite, measured in one way. */
  static String name(String documentLine, String measurement) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update((measurement + " ").getBytes(StandardCharsets.UTF_8));
      digest.update(documentLine.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest.digest()).substring(0, NAME_CHARACTERS) + ".json";
    } catch (NoSuchAlgorithmException everyJavaHasIt) {
      throw new IllegalStateException(everyJavaHasIt);
    }
  }

  /** The names of all that are finished. */
  Set<String> names() {
    try {
      Set<String> names = new HashSet<>();
      for (FileStatus file : files.listStatus(folder)) {
        names.add(file.getPath().getName());
      }
      return names;
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
  }

  private boolean has(String name) {
    try {
      return files.exists(new Path(folder, name));
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
  }

  /** Writes under another name and renames, so that a result is whole or absent. */
  void write(String name, DocumentResult result, String attempt) {
    Path unfinished = new Path(folder, "." + name + "." + attempt);
    try {
      try (var out = files.create(unfinished, true)) {
        out.write(Json.LINES.toJson(result).getBytes(StandardCharsets.UTF_8));
      }
      if (!files.rename(unfinished, new Path(folder, name)) && !has(name)) {
        throw new IOException("cannot rename " + unfinished + " to " + name);
      }
    } catch (IOException refused) {
      throw new UncheckedIOException(refused);
    }
  }

  DocumentResult read(String name) {
    try (var in = files.open(new Path(folder, name))) {
      return Json.LINES.fromJson(
          new String(in.readAllBytes(), StandardCharsets.UTF_8), DocumentResult.class);
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
  }
}
