package dev.questspark.job.output;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.Choices.Mode;
import dev.questspark.job.options.OutputOptions.Existing;
import dev.questspark.job.path.GivenPath;
import dev.questspark.job.path.OwnFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;

/** The output folder: its parts, and what happens to an earlier run's. */
public final class OutputFolder {
  private static final DateTimeFormatter ENDED =
      DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss-SSS").withZone(ZoneOffset.UTC);

  /** As {@code StepTrace} names its open file, and Hadoop the checksums of it. */
  private static final Pattern UNFINISHED_TRACE = Pattern.compile("\\.+.*\\.unfinished(\\.crc)?");

  private final Path root;
  private final FileSystem files;
  private final Configuration hadoop;
  private final AnswerStore answers;

  /**
   * @throws ConfigException when the path is of an unknown kind
   */
  public OutputFolder(String output, Configuration hadoop) {
    try {
      Path path = GivenPath.of(output);
      this.hadoop = hadoop;
      this.files = path.getFileSystem(hadoop);
      this.root = files.makeQualified(path);
      this.answers = new ParquetAnswers(root, files, hadoop);
    } catch (ConfigException told) { // in its own words
      throw told;
    } catch (IOException | IllegalArgumentException unusable) {
      throw new ConfigException(
          "Output " + output + " cannot be used: " + unusable.getMessage(), unusable);
    }
  }

  /** The folder, in full. */
  public Path root() {
    return root;
  }

  public AnswerStore answers() {
    return answers;
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
   * its results are named after everything that decides them.
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

  /** Writes and deletes a file; the file system's time when it did, in milliseconds. */
  private long probe() throws IOException {
    Path probe = new Path(root, "_writable-" + UUID.randomUUID());
    files.mkdirs(root);
    files.create(probe, true).close();
    long written = files.getFileStatus(probe).getModificationTime();
    files.delete(probe, false);
    return written;
  }

  /** Without Hadoop's own checksum files on a local disk: they would not be renamed as one. */
  static FileSystem files(Path path, Configuration hadoop) throws IOException {
    FileSystem files = path.getFileSystem(hadoop);
    return files instanceof LocalFileSystem local ? local.getRawFileSystem() : files;
  }

  /**
   * Takes the folder for a run, as its only one.
   *
   * @param lost called if another run takes it over nevertheless, this one having given no sign of
   *     life for long
   * @throws ConfigException when another run has it, or it cannot be written
   */
  public RunLock lock(String runId, Runnable lost) {
    return lock(runId, lost, Duration.ZERO);
  }

  /**
   * The same, waiting for another run to end or to be taken for dead.
   *
   * @param patience how long at most
   */
  public RunLock lock(String runId, Runnable lost, Duration patience) {
    try {
      probe();
      return RunLock.take(
          new RunLock.Place(files(root, hadoop), new Path(root, "_lock"), this::now),
          runId,
          patience,
          answers::fence,
          lost);
    } catch (IOException refused) {
      throw unwritable(refused);
    }
  }

  private long now() {
    try {
      return probe();
    } catch (IOException refused) {
      throw unwritable(refused);
    }
  }

  /** Whether an engine left a trace of its steps here. */
  public boolean hasSteps() {
    try {
      return files.exists(new Path(steps()));
    } catch (IOException unreadable) {
      throw unwritable(unreadable);
    }
  }

  /**
   * Ends what dead runs have left half done, and makes room by the save mode, before any work; the
   * caller has the lock. A run that goes on with others' work needs no room.
   *
   * @return false when there is nothing to do: mode ignore, and the output exists
   * @throws ConfigException when the output exists under errorifexists, or cannot be written
   */
  public boolean prepare(Existing existing) {
    try {
      new OwnFiles(files, root)
          .refuseForeign(!existing.goesOn() && existing.mode() == Mode.OVERWRITE);
      answers.recover();
      clearTraces();
      settleDeadRuns();
    } catch (IOException refused) {
      throw unwritable(refused);
    }
    if (existing.goesOn()) {
      return true;
    }
    boolean exists = answers.hasAnswers();
    if (exists && existing.mode() == Mode.ERRORIFEXISTS) {
      throw new ConfigException(
          "Output "
              + root
              + " already has answers; finish them with --resume, choose another --output, or"
              + " --mode overwrite, append or ignore.");
    }
    if (exists && existing.mode() == Mode.IGNORE) {
      return false;
    }
    try {
      if (existing.mode() == Mode.OVERWRITE) {
        answers.clear();
        for (String part : new String[] {stats(), steps()}) {
          files.delete(new Path(part), true);
        }
        for (Path run : runFiles()) {
          files.delete(run, false);
        }
      }
      return true;
    } catch (IOException refused) {
      throw unwritable(refused);
    }
  }

  /** Deletes what executors that died have left of their traces; no engine of the run is open. */
  public void clearTraces() throws IOException {
    Path steps = new Path(steps());
    if (!files.exists(steps)) {
      return;
    }
    for (FileStatus file : files.listStatus(steps)) {
      if (UNFINISHED_TRACE.matcher(file.getPath().getName()).matches()) {
        files.delete(file.getPath(), false);
      }
    }
  }

  /** A run that has the lock knows that those whose run.json says otherwise are dead. */
  private void settleDeadRuns() throws IOException {
    for (Path file : runFiles()) {
      Optional<String> settled = RunJson.settled(read(file));
      if (settled.isPresent()) {
        Instant written = Instant.ofEpochMilli(files.getFileStatus(file).getModificationTime());
        write(file, settled.get());
        files.setTimes(file, written.toEpochMilli(), -1);
      }
    }
  }

  /** Writes run.json; an earlier run's keeps its time in its name. */
  public void writeRunJson(String json) throws IOException {
    Path file = new Path(runJson());
    if (files.exists(file)) {
      Instant written = Instant.ofEpochMilli(files.getFileStatus(file).getModificationTime());
      files.rename(file, new Path(root, "run-" + ENDED.format(written) + ".json"));
    }
    rewriteRunJson(json);
  }

  /** Writes this run's run.json again. */
  public void rewriteRunJson(String json) throws IOException {
    write(new Path(runJson()), json);
  }

  private void write(Path file, String text) throws IOException {
    try (var out = files.create(file, true)) {
      out.write(text.getBytes(StandardCharsets.UTF_8));
    }
  }

  private String read(Path file) throws IOException {
    try (var in = files.open(file)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /** The texts of all runs' run.json. */
  List<String> runJsons() throws IOException {
    List<String> texts = new ArrayList<>();
    for (Path run : runFiles()) {
      texts.add(read(run));
    }
    return texts;
  }

  private List<Path> runFiles() throws IOException {
    return new OwnFiles(files, root).runs();
  }

  @Override
  public String toString() {
    return shown(root);
  }

  /** A path as a user would write it. */
  static String shown(Path path) {
    return GivenPath.shown(path);
  }

  private ConfigException unwritable(IOException cause) {
    return new ConfigException(
        "Output " + root + " cannot be written: " + cause.getMessage(), cause);
  }
}
