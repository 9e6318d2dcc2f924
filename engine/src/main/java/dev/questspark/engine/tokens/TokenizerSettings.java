package dev.questspark.engine.tokens;

import com.google.gson.JsonElement;
import dev.questspark.engine.checkpoint.ModelFiles;
import dev.questspark.engine.checkpoint.files.JsonFields;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The special tokens that a model folder names: {@code tokenizer_config.json}, and {@code
 * special_tokens_map.json} for what the first leaves open.
 *
 * @param specialTokens the token by its name, as {@code bos_token}
 */
record TokenizerSettings(Map<String, String> specialTokens) {
  /** Names that must have a token; others may end alike and be a flag or a number. */
  private static final Set<String> STANDARD =
      Set.of(
          "bos_token",
          "eos_token",
          "unk_token",
          "sep_token",
          "pad_token",
          "cls_token",
          "mask_token");

  static TokenizerSettings read(ModelFiles model) {
    Map<String, String> tokens = new LinkedHashMap<>();
    for (String file : new String[] {"tokenizer_config.json", "special_tokens_map.json"}) {
      model.json(file).ifPresent(fields -> add(fields, tokens));
    }
    return new TokenizerSettings(tokens);
  }

  Optional<String> bosToken() {
    return Optional.ofNullable(specialTokens.get("bos_token"));
  }

  Optional<String> eosToken() {
    return Optional.ofNullable(specialTokens.get("eos_token"));
  }

  /** As transformers: what is called a token, and what {@code extra_special_tokens} names. */
  private static void add(JsonFields fields, Map<String, String> tokens) {
    for (String key : fields.keys()) {
      if (key.endsWith("_token")) {
        named(fields, key).ifPresent(token -> tokens.putIfAbsent(key, token));
      }
    }
    fields
        .element("extra_special_tokens")
        .filter(JsonElement::isJsonObject)
        .flatMap(extra -> fields.object("extra_special_tokens"))
        .ifPresent(
            extra -> {
              for (String key : extra.keys()) {
                named(extra, key).ifPresent(token -> tokens.putIfAbsent(key, token));
              }
            });
  }

  /** A token is a string, or an object whose {@code content} is one; other fields are no tokens. */
  private static Optional<String> named(JsonFields fields, String key) {
    Optional<JsonElement> value = fields.element(key);
    if (value.filter(JsonElement::isJsonObject).isPresent()) {
      return fields.object(key).flatMap(token -> token.string("content"));
    }
    boolean text =
        value.filter(v -> v.isJsonPrimitive() && v.getAsJsonPrimitive().isString()).isPresent();
    return text || STANDARD.contains(key) ? fields.string(key) : Optional.empty();
  }
}
