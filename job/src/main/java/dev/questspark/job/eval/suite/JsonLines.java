package dev.questspark.job.eval.suite;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.questspark.engine.failure.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Published data sets: folders or files of JSON lines, on the driver. */
final class JsonLines {
  private JsonLines() {}

  /** The file itself, or the .jsonl files of a folder by name. */
  static List<Path> files(String input) {
    Path path = Path.of(input.replaceFirst("^file:(//)?", ""));
    try {
      if (Files.isRegularFile(path)) {
        return List.of(path);
      }
      try (var entries = Files.list(path)) {
        return entries.filter(file -> file.toString().endsWith(".jsonl")).sorted().toList();
      }
    } catch (IOException unreadable) {
      throw new ConfigException(
          "suite data " + input + " cannot be read; give a .jsonl file or a folder of them",
          unreadable);
    }
  }

  /** Every line as an object. */
  static List<JsonObject> read(Path file) {
    List<JsonObject> objects = new ArrayList<>();
    try {
      for (String line : Files.readAllLines(file)) {
        if (!line.isBlank()) {
          objects.add(JsonParser.parseString(line).getAsJsonObject());
        }
      }
    } catch (IOException | JsonParseException | IllegalStateException broken) {
      throw new ConfigException(
          file + " line " + (objects.size() + 1) + " is not a JSON object: " + broken.getMessage(),
          broken);
    }
    return objects;
  }

  static String text(JsonObject object, String key, Path file) {
    if (!object.has(key) || object.get(key).isJsonNull()) {
      throw new ConfigException(file + " has a line without '" + key + "'; see the suite's format");
    }
    return object.get(key).getAsString();
  }

  /** A string, a number or an array of them; empty when absent. */
  static List<String> texts(JsonObject object, String key) {
    JsonElement value = object.get(key);
    if (value == null || value.isJsonNull()) {
      return List.of();
    }
    if (value instanceof JsonArray array) {
      return array.asList().stream().map(JsonElement::getAsString).toList();
    }
    return List.of(value.getAsString());
  }
}
