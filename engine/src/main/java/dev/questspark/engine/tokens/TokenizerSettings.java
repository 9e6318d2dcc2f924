package dev.questspark.engine.tokens;

import com.google.gson.JsonElement;
import dev.questspark.engine.model.JsonFields;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The special tokens that a model folder names: {@code tokenizer_config.json}, and {@code
 * special_tokens_map.json} for what the first leaves open.
 */
record TokenizerSettings(Optional<String> bosToken, Optional<String> eosToken) {

  static TokenizerSettings read(Path folder) {
    return new TokenizerSettings(token(folder, "bos_token"), token(folder, "eos_token"));
  }

  private static Optional<String> token(Path folder, String key) {
    return named(folder.resolve("tokenizer_config.json"), key)
        .or(() -> named(folder.resolve("special_tokens_map.json"), key));
  }

  /** A token is a string, or an object whose {@code content} is one. */
  private static Optional<String> named(Path file, String key) {
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    JsonFields fields = JsonFields.read(file);
    boolean object = fields.element(key).filter(JsonElement::isJsonObject).isPresent();
    return object ? fields.object(key).flatMap(o -> o.string("content")) : fields.string(key);
  }
}
