package dev.questspark.engine.checkpoint.files;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import dev.questspark.engine.failure.ConfigException;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The fields of a JSON object of a model folder, read with their types. A missing or ill-typed
 * value is a {@link ConfigException} that names file, key, value and what belongs there. A JSON
 * null counts as absent, as in Hugging Face's configuration classes.
 */
public final class JsonFields {
  private final Path file;
  private final String prefix;
  private final JsonObject object;

  private JsonFields(Path file, String prefix, JsonObject object) {
    this.file = file;
    this.prefix = prefix;
    this.object = object;
  }

  /** Reads a file whose top level is an object. */
  public static JsonFields read(Path file) {
    try {
      return parse(file, Files.readString(file));
    } catch (MalformedInputException e) {
      throw new ConfigException(file + " is not UTF-8; copy the file again", e);
    } catch (IOException e) {
      throw new ConfigException(file + " cannot be read; is the model folder complete?", e);
    }
  }

  /** The fields of an object that says what {@code file} says in another format. */
  public static JsonFields of(Path file, JsonObject object) {
    return new JsonFields(file, "", object);
  }

  /** The whole object as JSON. */
  public String text() {
    return object.toString();
  }

  /** Parses the text of {@code file}; for files whose object is only a part. */
  public static JsonFields parse(Path file, String text) {
    try {
      JsonElement root = JsonParser.parseString(text);
      if (root.isJsonObject()) {
        return new JsonFields(file, "", root.getAsJsonObject());
      }
    } catch (JsonParseException e) {
      GitLfsPointer.refuse(file, text);
      throw new ConfigException(file + " is not valid JSON; copy the file again", e);
    }
    throw new ConfigException(file + " does not hold a JSON object; copy the file again");
  }

  /** The same fields, where those that are absent (and not null) have a value of {@code others}. */
  public JsonFields withDefaults(JsonObject others) {
    return merged(others, object);
  }

  /** The same fields, where those of {@code others} take the place of what is here. */
  public JsonFields withOverrides(JsonObject others) {
    return merged(object, others);
  }

  private JsonFields merged(JsonObject lower, JsonObject upper) {
    JsonObject merged = lower.deepCopy();
    upper.entrySet().forEach(field -> merged.add(field.getKey(), field.getValue()));
    return new JsonFields(file, prefix, merged);
  }

  /** The file read, for messages. */
  public Path file() {
    return file;
  }

  /** All keys, null values included. */
  public Set<String> keys() {
    return object.keySet();
  }

  /** Whether the key is present and not null. */
  public boolean has(String key) {
    return object.has(key) && !object.get(key).isJsonNull();
  }

  /** The raw value, if present and not null. */
  public Optional<JsonElement> element(String key) {
    return has(key) ? Optional.of(object.get(key)) : Optional.empty();
  }

  /** The object under a key; its own messages say {@code key.inner}. */
  public Optional<JsonFields> object(String key) {
    return element(key)
        .map(
            value -> {
              if (!value.isJsonObject()) {
                throw bad(key, "an object");
              }
              return new JsonFields(file, prefix + key + ".", value.getAsJsonObject());
            });
  }

  /** A required integer. */
  public int requireInt(String key) {
    require(key, "an integer");
    return integer(key, object.get(key));
  }

  /** A required integer of at least 1. */
  public int requireCount(String key) {
    int value = requireInt(key);
    if (value < 1) {
      throw bad(key, "an integer of at least 1");
    }
    return value;
  }

  /** An integer of at least 1, or {@code absent}. */
  public int countOr(String key, int absent) {
    return has(key) ? requireCount(key) : absent;
  }

  /** A required number. */
  public double requireNumber(String key) {
    require(key, "a number");
    return number(key, object.get(key)).doubleValue();
  }

  /** A number, or {@code absent}. */
  public double numberOr(String key, double absent) {
    return has(key) ? requireNumber(key) : absent;
  }

  /** A required finite number above 0. */
  public double requirePositive(String key) {
    double value = requireNumber(key);
    if (!(value > 0) || Double.isInfinite(value)) {
      throw bad(key, "a number above 0");
    }
    return value;
  }

  /** A finite number above 0, or {@code absent}. */
  public double positiveOr(String key, double absent) {
    return has(key) ? requirePositive(key) : absent;
  }

  /** true or false, or {@code absent}. */
  public boolean flagOr(String key, boolean absent) {
    if (!has(key)) {
      return absent;
    }
    if (object.get(key) instanceof JsonPrimitive value && value.isBoolean()) {
      return value.getAsBoolean();
    }
    throw bad(key, "true or false");
  }

  /** A required string. */
  public String requireString(String key) {
    return string(key).orElseThrow(() -> missing(key, "a string"));
  }

  /** A string, if present. */
  public Optional<String> string(String key) {
    return element(key).map(value -> string(key, value));
  }

  /** A list of anything; empty if absent. */
  public Iterable<JsonElement> elements(String key) {
    return array(key, "a list");
  }

  /** A list of objects; empty if absent. */
  public List<JsonFields> objects(String key) {
    List<JsonFields> objects = new ArrayList<>();
    for (JsonElement value : array(key, "a list of objects")) {
      if (!value.isJsonObject()) {
        throw bad(key, "a list of objects");
      }
      objects.add(new JsonFields(file, prefix + key + ".", value.getAsJsonObject()));
    }
    return objects;
  }

  /** A list of strings; empty if absent. */
  public List<String> strings(String key) {
    List<String> strings = new ArrayList<>();
    for (JsonElement value : array(key, "a list of strings")) {
      strings.add(string(key, value));
    }
    return strings;
  }

  /** Integers, from one integer or a list of them; empty if absent. */
  public List<Integer> integers(String key) {
    Optional<JsonElement> value = element(key);
    if (value.isPresent() && value.get().isJsonPrimitive()) {
      return List.of(integer(key, value.get()));
    }
    List<Integer> integers = new ArrayList<>();
    for (JsonElement item : array(key, "an integer or a list of integers")) {
      integers.add(integer(key, item));
    }
    return integers;
  }

  /** The value of a key is present but wrong. */
  public ConfigException bad(String key, String expected) {
    return new ConfigException(
        file + ": " + prefix + key + " is " + object.get(key) + "; it must be " + expected);
  }

  private ConfigException missing(String key, String expected) {
    return new ConfigException(file + ": " + prefix + key + " is missing; it must be " + expected);
  }

  private void require(String key, String expected) {
    if (!has(key)) {
      throw missing(key, expected);
    }
  }

  private Iterable<JsonElement> array(String key, String expected) {
    Optional<JsonElement> value = element(key);
    if (value.isEmpty()) {
      return List.of();
    }
    if (!value.get().isJsonArray()) {
      throw bad(key, expected);
    }
    return value.get().getAsJsonArray();
  }

  private String string(String key, JsonElement value) {
    if (value instanceof JsonPrimitive primitive && primitive.isString()) {
      return primitive.getAsString();
    }
    throw bad(key, "a string");
  }

  private int integer(String key, JsonElement value) {
    try {
      return number(key, value).intValueExact();
    } catch (ArithmeticException e) {
      throw bad(key, "an integer of 32 bits");
    }
  }

  private BigDecimal number(String key, JsonElement value) {
    if (value instanceof JsonPrimitive primitive && primitive.isNumber()) {
      try {
        return primitive.getAsBigDecimal();
      } catch (NumberFormatException e) { // NaN or Infinity, which Python's JSON writes
        throw bad(key, "a finite number");
      }
    }
    throw bad(key, "a number");
  }
}
