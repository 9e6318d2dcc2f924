package dev.questspark.engine.checkpoint;

import dev.questspark.engine.checkpoint.files.Checkpoint;
import dev.questspark.engine.checkpoint.files.JsonFields;
import dev.questspark.engine.checkpoint.gguf.GgufModel;
import dev.questspark.engine.checkpoint.quantised.Quantization;
import dev.questspark.engine.checkpoint.quantised.QuantizedCheckpoint;
import dev.questspark.engine.checkpoint.safetensors.SafetensorsReader;
import dev.questspark.engine.failure.ConfigException;
import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A model of this machine, wherever its parts are: a Hugging Face folder, an entry of the Hugging
 * Face cache ({@code models--org--name} with {@code refs} and {@code snapshots}), a GGUF file, or a
 * folder with one.
 */
public final class ModelFiles {
  private static final String CONFIG = "config.json";
  private static final String GGUF = ".gguf";

  /** What to do about a file that is not there. */
  private static final Map<String, String> REMEDIES =
      Map.of(
          CONFIG,
          "give a Hugging Face model folder or a GGUF file",
          "tokenizer.json",
          "copy it from where the weights came from, or save the tokenizer with use_fast=True");

  private final Path path;
  private final Optional<GgufModel> gguf;

  private ModelFiles(Path path, Optional<GgufModel> gguf) {
    this.path = path;
    this.gguf = gguf;
  }

  /**
   * Finds the model.
   *
   * @param model as the user named it
   * @throws ConfigException with the remedy, if it is no model
   */
  public static ModelFiles of(Path model) {
    Path found = locate(model);
    return new ModelFiles(
        found, Files.isRegularFile(found) ? Optional.of(GgufModel.open(found)) : Optional.empty());
  }

  /** A relative path says where it was looked for: an executor's working directory is its own. */
  public static ConfigException absent(Path model) {
    return new ConfigException(
        "Model folder "
            + model
            + " does not exist on this machine"
            + (model.isAbsolute()
                ? "; check --model."
                : ", in "
                    + Path.of("").toAbsolutePath()
                    + "; check --model, and give an absolute path where other machines compute."));
  }

  /**
   * The folder or the GGUF file that a path stands for.
   *
   * @throws ConfigException with the remedy, if it is no model
   */
  public static Path locate(Path model) {
    if (Files.isRegularFile(model)) {
      return file(model);
    }
    if (!Files.isDirectory(model)) {
      throw absent(model);
    }
    if (Files.isRegularFile(model.resolve(CONFIG))) {
      return model;
    }
    if (Files.isDirectory(model.resolve("snapshots"))) {
      return HubCache.snapshot(model);
    }
    List<Path> files = ggufFiles(model);
    if (files.size() == 1) {
      return file(files.get(0));
    }
    refuse(model, files);
    return model; // whoever needs a file that is not here says so
  }

  private static Path file(Path file) {
    if (!GgufModel.isGguf(file)) {
      throw new ConfigException(
          "model is "
              + file
              + ", a file that is no GGUF; give the model's folder, "
              + file.toAbsolutePath().getParent());
    }
    return file;
  }

  private static void refuse(Path model, List<Path> ggufs) {
    if (!ggufs.isEmpty()) {
      throw new ConfigException(
          "model is "
              + model
              + ", which holds several GGUF files; give one of them: "
              + String.join(", ", ggufs.stream().map(Path::toString).toList()));
    }
    Path adapter = model.resolve("adapter_config.json");
    if (Files.isRegularFile(adapter)) {
      throw new ConfigException(
          "model is "
              + model
              + ", an adapter of "
              + JsonFields.read(adapter).string("base_model_name_or_path").orElse("another model")
              + "; merge it into that (peft's merge_and_unload) and give the result");
    }
  }

  private static List<Path> ggufFiles(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.toString().endsWith(GGUF)).sorted().toList();
    } catch (IOException e) {
      throw new ConfigException("model is " + folder + ", which cannot be read: " + e, e);
    }
  }

  /** The folder or the GGUF file itself. */
  public Path path() {
    return path;
  }

  /** A JSON file of the folder, by name, if it has it. */
  public Optional<JsonFields> json(String name) {
    if (gguf.isPresent()) {
      return gguf.get().json(name);
    }
    Path file = path.resolve(name);
    return Files.isRegularFile(file) ? Optional.of(JsonFields.read(file)) : Optional.empty();
  }

  /**
   * A JSON file that every model has.
   *
   * @throws ConfigException if this one has not
   */
  public JsonFields requireJson(String name) {
    return json(name)
        .orElseThrow(
            () ->
                new ConfigException(
                    "model is "
                        + path
                        + ", which holds no "
                        + name
                        + "; "
                        + REMEDIES.getOrDefault(name, "copy it from where the weights came from")));
  }

  /** Where a file of the folder is, if it has it; a GGUF file has none beside it. */
  public Optional<Path> file(String name) {
    Path file = path.resolve(name);
    return gguf.isEmpty() && Files.isRegularFile(file) ? Optional.of(file) : Optional.empty();
  }

  /** A text file of the folder, if it has it. */
  public Optional<String> text(String name) {
    return file(name)
        .map(
            file -> {
              try {
                return Files.readString(file);
              } catch (MalformedInputException e) {
                throw new ConfigException(file + " is not UTF-8; copy the file again", e);
              } catch (IOException e) {
                throw new ConfigException(file + " cannot be read; copy it again", e);
              }
            });
  }

  /** Opens the weights and checks their headers. */
  public Checkpoint weights() {
    if (gguf.isPresent()) {
      return gguf.get().weights();
    }
    Optional<Quantization> quantization = json(CONFIG).flatMap(Quantization::of);
    SafetensorsReader stored = SafetensorsReader.open(path);
    return quantization.isPresent() ? new QuantizedCheckpoint(stored, quantization.get()) : stored;
  }

  /** The files that hold weights, in order. */
  public List<Path> weightFiles() {
    if (gguf.isPresent()) {
      return List.of(path);
    }
    try (Stream<Path> files = Files.list(path)) {
      return files.filter(file -> file.toString().endsWith(".safetensors")).sorted().toList();
    } catch (IOException e) {
      throw new ConfigException("model is " + path + ", which cannot be read: " + e, e);
    }
  }
}
