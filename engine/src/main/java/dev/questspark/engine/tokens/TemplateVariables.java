package dev.questspark.engine.tokens;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonPrimitive;
import com.google.gson.TypeAdapter;
import dev.questspark.engine.failure.ConfigException;
import java.io.IOException;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Variables of a chat template that a user sets, as a JSON object. */
final class TemplateVariables {
  private static final TypeAdapter<JsonElement> JSON = new Gson().getAdapter(JsonElement.class);

  /** The conversation and how it ends are the job's to say. */
  private static final Set<String> TAKEN = Set.of("messages", "add_generation_prompt");

  private TemplateVariables() {}

  /**
   * Name to null, boolean, number, string, list or map.
   *
   * @param option named in the refusal
   * @throws ConfigException when it is no JSON object, or sets what is not the user's
   */
  static Map<String, Object> parse(String option, String json) {
    JsonElement parsed;
    try {
      parsed = JSON.fromJson(json); // strict: Python's {'a': False} would become the text "False"
    } catch (IOException | JsonParseException e) {
      throw wrong(option, json);
    }
    if (!(parsed instanceof JsonObject object)) {
      throw wrong(option, json);
    }
    Map<String, Object> variables = new LinkedHashMap<>();
    for (String name : object.keySet()) {
      if (TAKEN.contains(name)) {
        throw new ConfigException(
            option + " sets " + name + ", which the prompt itself sets; leave it out");
      }
      variables.put(name, value(object.get(name)));
    }
    return variables;
  }

  private static ConfigException wrong(String option, String json) {
    return new ConfigException(
        option
            + " is "
            + json
            + "; it must be a JSON object of the chat template's variables, such as"
            + " {\"enable_thinking\": false}");
  }

  private static Object value(JsonElement json) {
    if (json.isJsonArray()) {
      List<Object> items = new ArrayList<>();
      json.getAsJsonArray().forEach(item -> items.add(value(item)));
      return items;
    }
    if (json.isJsonObject()) {
      Map<String, Object> fields = new LinkedHashMap<>();
      json.getAsJsonObject().entrySet().forEach(e -> fields.put(e.getKey(), value(e.getValue())));
      return fields;
    }
    if (!(json instanceof JsonPrimitive primitive)) {
      return null;
    }
    if (primitive.isBoolean()) {
      return primitive.getAsBoolean();
    }
    if (primitive.isString()) {
      return primitive.getAsString();
    }
    String number = primitive.getAsString();
    return number.matches("-?\\d+")
        ? new BigDecimal(number).toBigInteger()
        : (Object) primitive.getAsDouble();
  }
}
