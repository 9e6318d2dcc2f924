package dev.questspark.job.path;

import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.questspark.engine.failure.ConfigException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** Tells what runs of this job have left in an output folder from what others have put there. */
public final class OwnFiles {
  /** Of answers: a word, the run's id, which begins with its time, and more. */
  private static final Pattern ANSWERS =
      Pattern.compile("[a-z]+-\\d{8}-\\d{6}-[0-9a-f]{4}-.*\\.parquet");

  private static final Pattern PARQUET = Pattern.compile(".*\\.parquet");

  /** Of Spark's writer and of the trace of an engine's steps. */
  private static final Pattern PARTS = Pattern.compile("part-.*\\.parquet");

  /** Of run.json, and of those of earlier runs. */
  private static final Pattern RUN = Pattern.compile("run(-.*)?\\.json");

  private final FileSystem files;
  private final Path root;

  public OwnFiles(FileSystem files, Path root) {
    this.files = files;
    this.root = root;
  }

  /** The run.json of this folder's runs. */
  public List<Path> runs() throws IOException {
    return list(root).stream()
        .filter(file -> file.isFile() && RUN.matcher(file.getPath().getName()).matches())
        .map(FileStatus::getPath)
        .toList();
  }

  /**
   * Makes sure that nobody's files are deleted, or taken for answers.
   *
   * @param deletes whether what is there will be deleted; else Parquet files of any name may stand
   *     among the answers, whose columns tell what they are
   * @throws ConfigException when a folder or a file of a run's name holds what no run has written
   */
  public void refuseForeign(boolean deletes) throws IOException {
    refuseForeign("answers", deletes ? ANSWERS : PARQUET);
    refuseForeign("stats", PARTS);
    refuseForeign("steps", PARTS);
    for (Path run : runs()) {
      if (!ofARun(run)) {
        throw foreign(run);
      }
    }
  }

  private void refuseForeign(String part, Pattern own) throws IOException {
    for (FileStatus file : list(new Path(root, part))) {
      String name = file.getPath().getName();
      boolean hidden = name.startsWith("_") || name.startsWith(".");
      if (file.isDirectory() && !hidden || !hidden && !own.matcher(name).matches()) {
        throw foreign(file.getPath());
      }
    }
  }

  private boolean ofARun(Path run) throws IOException {
    try (var in = files.open(run)) {
      JsonObject json =
          JsonParser.parseString(new String(in.readAllBytes(), StandardCharsets.UTF_8))
              .getAsJsonObject();
      return json.has("run_id") && json.has("params_hash");
    } catch (JsonParseException | IllegalStateException other) {
      return false;
    }
  }

  private ConfigException foreign(Path file) {
    return new ConfigException(
        "Output "
            + GivenPath.shown(root)
            + " has "
            + GivenPath.shown(file).substring(GivenPath.shown(root).length() + 1)
            + ", which no run of this job has written and none will touch; move it, or choose another"
            + " --output.");
  }

  /** What is in a folder; nothing in one that is not there. */
  private List<FileStatus> list(Path folder) throws IOException {
    try {
      return new ArrayList<>(List.of(files.listStatus(folder)));
    } catch (FileNotFoundException missing) {
      return List.of();
    }
  }
}
