package dev.questspark.job.sink;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.Choices.Mode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** The output folder: its parts, and what happens to an earlier run's. */
public final class OutputFolder {
  private static final DateTimeFormatter ENDED =
      DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss-SSS").withZone(ZoneOffset.UTC);

  private final Path root;
  private final FileSystem files;

  /**
   * @throws ConfigException when the path is of an unknown kind
   */
  public OutputFolder(String output, Configuration hadoop) {
    try {
      Path path = new Path(output);
      this.files = path.getFileSystem(hadoop);
      this.root = files.makeQualified(path);
    } catch (IOException | IllegalArgumentException unusable) {
      throw new ConfigException(
          "Output " + output + " cannot be used: " + unusable.getMessage(), unusable);
    }
  }

  public String answers() {
    return new Path(root, "answers").toString();
  }

  public String stats() {
    return new Path(root, "stats").toString();
  }

  public String steps() {
    return new Path(root, "steps").toString();
  }

  public String runJson() {
    return new Path(root, "run.json").toString();
  }

  /** One file per finished document of a sweep or an evaluation. */
  public String cells() {
    return new Path(root, "cells").toString();
  }

  /**
   * Makes sure that a sweep or an evaluation can write here. What an earlier one finished stays:
   * its cells are named after everything that decides them.
   *
   * @throws ConfigException when the folder cannot be written
   */
  public void prepareMeasurement() {
    try {
      probe();
      files.mkdirs(new Path(cells()));
    } catch (IOException refused) {
      throw unwritable(refused);
    }
  }

  private void probe() throws IOException {
    Path probe = new Path(root, "_writable");
    files.mkdirs(root);
    files.create(probe, true).close();
    files.delete(probe, false);
  }

  /** Whether an earlier run left answers here. */
  public boolean hasAnswers() {
    try {
      return files.exists(new Path(answers()));
    } catch (IOException unreadable) {
      throw unwritable(unreadable);
    }
  }

  /**
   * Makes room by the save mode, before any work.
   *
   * @return false when there is nothing to do: mode ignore, and the output exists
   * @throws ConfigException when the output exists under errorifexists, or cannot be written
   */
  public boolean prepare(Mode mode) {
    boolean exists = hasAnswers();
    if (exists && mode == Mode.ERRORIFEXISTS) {
      throw new ConfigException(
          "Output "
              + root
              + " already has answers; choose another --output, or --mode overwrite, append or"
              + " ignore.");
    }
    if (exists && mode == Mode.IGNORE) {
      return false;
    }
    try {
      probe();
      if (mode == Mode.OVERWRITE) {
        for (String part : new String[] {answers(), stats(), steps(), runJson()}) {
          files.delete(new Path(part), true);
        }
      }
      return true;
    } catch (IOException refused) {
      throw unwritable(refused);
    }
  }

  /** Writes run.json; an earlier run's, left by mode append, keeps its time in its name. */
  public void writeRunJson(String json) throws IOException {
    Path file = new Path(runJson());
    if (files.exists(file)) {
      Instant written = Instant.ofEpochMilli(files.getFileStatus(file).getModificationTime());
      files.rename(file, new Path(root, "run-" + ENDED.format(written) + ".json"));
    }
    try (var out = files.create(file, true)) {
      out.write(json.getBytes(StandardCharsets.UTF_8));
    }
  }

  @Override
  public String toString() {
    return root.toUri().getScheme().equals("file") ? root.toUri().getPath() : root.toString();
  }

  private ConfigException unwritable(IOException cause) {
    return new ConfigException(
        "Output " + root + " cannot be written: " + cause.getMessage(), cause);
  }
}
