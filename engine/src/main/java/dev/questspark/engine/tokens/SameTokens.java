package dev.questspark.engine.tokens;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import dev.questspark.engine.checkpoint.ModelFiles;
import dev.questspark.engine.failure.ConfigException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Whether token ids mean the same to two models: the text of every id, which of them are special,
 * and how a text is divided. How many rows an embedding has beyond them does not matter.
 */
public final class SameTokens {
  private static final String TOKENIZER = "tokenizer.json";

  private SameTokens() {}

  /**
   * Requires that a second model reads the ids of a first one.
   *
   * @throws ConfigException naming the first difference
   */
  public static void require(Path model, Path reader) {
    JsonObject first = read(model);
    JsonObject second = read(reader);
    difference(first, second)
        .ifPresent(
            difference -> {
              throw new ConfigException(
                  "reader_model is "
                      + reader
                      + ", whose tokenizer is not that of model "
                      + model
                      + ": "
                      + difference
                      + "; give a smaller model of the same family");
            });
  }

  private static JsonObject read(Path model) {
    return JsonParser.parseString(ModelFiles.of(model).requireJson(TOKENIZER).text())
        .getAsJsonObject();
  }

  static Optional<String> difference(JsonObject first, JsonObject second) {
    Map<Integer, String> ids = ids(first);
    Map<Integer, String> others = ids(second);
    for (Map.Entry<Integer, String> id : ids.entrySet()) {
      String other = others.get(id.getKey());
      if (!id.getValue().equals(other)) {
        return Optional.of(
            "id "
                + id.getKey()
                + " is "
                + id.getValue()
                + (other == null ? ", which it does not have" : ", and there " + other));
      }
    }
    for (Map.Entry<Integer, String> other : others.entrySet()) {
      if (!ids.containsKey(other.getKey())) {
        return Optional.of(
            "it has id " + other.getKey() + ", " + other.getValue() + ", beyond those");
      }
    }
    for (String part : new String[] {"normalizer", "pre_tokenizer"}) {
      if (!part(first, part).equals(part(second, part))) {
        return Optional.of("they differ in " + part);
      }
    }
    return Optional.empty();
  }

  private static JsonElement part(JsonObject tokenizer, String name) {
    return Objects.requireNonNullElse(tokenizer.get(name), JsonNull.INSTANCE);
  }

  /** The token of each id as JSON text, with a word where it is special. */
  private static Map<Integer, String> ids(JsonObject tokenizer) {
    Map<Integer, String> ids = new TreeMap<>();
    JsonElement vocabulary = tokenizer.getAsJsonObject("model").get("vocab");
    if (vocabulary.isJsonObject()) {
      vocabulary
          .getAsJsonObject()
          .entrySet()
          .forEach(token -> ids.put(token.getValue().getAsInt(), quoted(token.getKey())));
    } else { // of a unigram model, whose tokens stand by their ids and have scores
      JsonArray tokens = vocabulary.getAsJsonArray();
      for (int id = 0; id < tokens.size(); id++) {
        ids.put(id, quoted(tokens.get(id).getAsJsonArray().get(0).getAsString()));
      }
    }
    if (part(tokenizer, "added_tokens").isJsonArray()) {
      for (JsonElement added : tokenizer.getAsJsonArray("added_tokens")) {
        JsonObject token = added.getAsJsonObject();
        boolean special = token.has("special") && token.get("special").getAsBoolean();
        ids.put(
            token.get("id").getAsInt(),
            (special ? "special " : "") + quoted(token.get("content").getAsString()));
      }
    }
    return ids;
  }

  private static String quoted(String token) {
    return new JsonPrimitive(token).toString();
  }
}
