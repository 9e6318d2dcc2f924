package dev.questspark.engine.checkpoint.gguf;

import com.google.gson.JsonObject;
import dev.questspark.engine.checkpoint.files.Checkpoint;
import dev.questspark.engine.checkpoint.files.JsonFields;
import dev.questspark.engine.failure.ConfigException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A GGUF file as a model: its metadata in the files that a Hugging Face folder would have, and its
 * weights. What has no equal there is refused, so that a model is computed as it is meant or not at
 * all.
 */
public final class GgufModel {
  private static final String SPLITS = "split.count";

  private final GgufFile gguf;
  private final GgufConfig config;

  private GgufModel(GgufFile gguf) {
    this.gguf = gguf;
    this.config = new GgufConfig(gguf);
  }

  /** Whether a file begins as the format does. */
  public static boolean isGguf(Path file) {
    return GgufFile.isGguf(file);
  }

  /** Reads the header. */
  public static GgufModel open(Path file) {
    GgufFile gguf = GgufFile.read(file);
    if (gguf.metadata().intOr(SPLITS, 1) > 1) {
      throw new ConfigException(
          file
              + " is one of "
              + gguf.metadata().intOr(SPLITS, 1)
              + " parts; join them with llama-gguf-split --merge");
    }
    return new GgufModel(gguf);
  }

  /** A file of the folder that this model would be, by name; empty for what it has none of. */
  public Optional<JsonFields> json(String name) {
    return switch (name) {
      case "config.json" -> Optional.of(fields(config.json()));
      case "tokenizer.json" -> Optional.of(fields(new GgufTokenizer(gguf).tokenizer()));
      case "tokenizer_config.json" -> Optional.of(fields(new GgufTokenizer(gguf).settings()));
      default -> Optional.empty();
    };
  }

  private JsonFields fields(JsonObject object) {
    return JsonFields.of(gguf.file(), object);
  }

  /** Opens the weights. */
  public Checkpoint weights() {
    return GgufCheckpoint.open(gguf, config.names());
  }
}
