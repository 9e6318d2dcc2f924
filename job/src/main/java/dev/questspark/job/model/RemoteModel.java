package dev.questspark.job.model;

import dev.questspark.engine.failure.ConfigException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.EtagSource;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * A model folder of a Hadoop file system, as its listing shows it.
 *
 * @param name last part of its path
 * @param files what the engine reads, by name
 */
record RemoteModel(FileSystem system, Path path, String name, List<FileStatus> files) {
  static final String WEIGHTS = ".safetensors";

  private static final String CONFIG = "config.json";
  private static final String ADAPTER = "adapter_config.json";

  /** Mistral's repositories have the same weights once more under this name. */
  private static final String OWN_FORMAT = "consolidated";

  /** The rest of a published folder (other frameworks' weights, pictures) is not for us. */
  private static final List<String> READ = List.of(WEIGHTS, ".json", ".jinja");

  /** Read where it is a model of its own: it has everything in it. */
  private static final String GGUF = ".gguf";

  /**
   * Lists the folder.
   *
   * @throws ConfigException when it is not there or cannot be read
   */
  static RemoteModel of(String model, Configuration hadoop) {
    try {
      Path path = new Path(model);
      FileSystem system = path.getFileSystem(hadoop);
      List<FileStatus> files = new ArrayList<>();
      FileStatus[] all = system.listStatus(path);
      boolean folder = Arrays.stream(all).anyMatch(file -> isNamed(file, CONFIG));
      boolean whole = Arrays.stream(all).anyMatch(RemoteModel::isPublished);
      for (FileStatus file : all) {
        String name = file.getPath().getName();
        if (file.isFile()
            && (READ.stream().anyMatch(name::endsWith) || !folder && isGguf(file))
            && !(whole && name.startsWith(OWN_FORMAT))) {
          files.add(file);
        }
      }
      if (!folder) {
        refuseUnlessOneFile(model, files, all);
      }
      files.sort(Comparator.comparing(file -> file.getPath().getName()));
      return new RemoteModel(system, path, path.getName(), files);
    } catch (ConfigException told) { // in its own words
      throw told;
    } catch (IOException | IllegalArgumentException unreadable) {
      throw new ConfigException(
          "Model folder "
              + model
              + " cannot be read: "
              + unreadable.getMessage()
              + "; check --model and the file system's settings (spark.hadoop.*).",
          unreadable);
    }
  }

  private static boolean isNamed(FileStatus file, String name) {
    return file.getPath().getName().equals(name);
  }

  /** Whether a file stands for all weights in Hugging Face's names. */
  private static boolean isPublished(FileStatus file) {
    return isNamed(file, "model" + WEIGHTS) || isNamed(file, "model" + WEIGHTS + ".index.json");
  }

  /** A copy of what is no model would only be refused under a name that nobody knows. */
  private static void refuseUnlessOneFile(String model, List<FileStatus> files, FileStatus[] all) {
    List<String> ggufs =
        files.stream()
            .filter(RemoteModel::isGguf)
            .map(file -> file.getPath().getName())
            .sorted()
            .toList();
    if (ggufs.size() > 1) {
      throw new ConfigException(
          "Model folder "
              + model
              + " has several GGUF files; give one of them: "
              + String.join(", ", ggufs)
              + ".");
    }
    if (ggufs.isEmpty() && files.stream().noneMatch(file -> isNamed(file, ADAPTER))) {
      boolean cache = Arrays.stream(all).anyMatch(file -> isNamed(file, "snapshots"));
      throw new ConfigException(
          "Model folder "
              + model
              + " has neither config.json nor a GGUF file; "
              + (cache
                  ? "it is an entry of a Hugging Face cache: give the folder below its snapshots."
                  : "check --model."));
    }
  }

  RemoteModel withoutWeights() {
    return new RemoteModel(
        system,
        path,
        name + "-without-weights",
        files.stream().filter(file -> !file.getPath().getName().endsWith(WEIGHTS)).toList());
  }

  List<FileStatus> weights() {
    return files.stream()
        .filter(file -> file.getPath().getName().endsWith(WEIGHTS) || isGguf(file))
        .toList();
  }

  private static boolean isGguf(FileStatus file) {
    return file.getPath().getName().endsWith(GGUF);
  }

  /** Names the copy: another place, or files replaced in place, is another model. */
  String key() {
    return ModelFolder.hash(
        path
            + files.stream()
                .map(
                    file ->
                        "\n"
                            + file.getPath().getName()
                            + " "
                            + file.getLen()
                            + " "
                            + file.getModificationTime()
                            + entityTag(file))
                .collect(Collectors.joining()));
  }

  /** An object store's own hash of the content; nothing where the file system has none. */
  private static String entityTag(FileStatus file) {
    return file instanceof EtagSource tagged && tagged.getEtag() != null
        ? " " + tagged.getEtag()
        : "";
  }

  long bytes() {
    return files.stream().mapToLong(FileStatus::getLen).sum();
  }
}
