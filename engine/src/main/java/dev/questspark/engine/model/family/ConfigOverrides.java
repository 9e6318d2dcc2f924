package dev.questspark.engine.model.family;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.questspark.engine.checkpoint.files.JsonFields;
import dev.questspark.engine.failure.ConfigException;
import java.util.List;

/**
 * Fields that stand in the place of those of {@code config.json}, which may lie where nobody can
 * edit it: above all the RoPE scaling that makes a model read longer documents.
 */
public final class ConfigOverrides {
  /** None, as JSON. */
  public static final String NONE = "{}";

  private static final String SCALING = "rope_scaling";

  /** Of {@code rope_parameters}; kept where an override only names another scaling. */
  private static final List<String> KEPT = List.of("rope_theta", "partial_rotary_factor");

  private final JsonObject fields;

  private ConfigOverrides(JsonObject fields) {
    this.fields = fields;
  }

  /**
   * Parses a JSON object.
   *
   * @throws ConfigException if it is none
   */
  public static ConfigOverrides of(String json) {
    return new ConfigOverrides(object("hf_overrides", json));
  }

  /**
   * What two options say together, as one JSON object.
   *
   * @param overrides a JSON object; null for none
   * @param ropeScaling the object that becomes {@code rope_scaling}; null for none
   */
  public static String joined(String overrides, String ropeScaling) {
    JsonObject all = overrides == null ? new JsonObject() : object("hf_overrides", overrides);
    if (ropeScaling != null) {
      if (all.has(SCALING)) {
        throw new ConfigException(
            "rope_scaling is " + ropeScaling + ", and hf_overrides sets it too; give one of them");
      }
      all.add(SCALING, object(SCALING, ropeScaling));
    }
    return all.toString();
  }

  private static JsonObject object(String option, String json) {
    try {
      JsonElement parsed = JsonParser.parseString(json);
      if (parsed.isJsonObject()) {
        return parsed.getAsJsonObject();
      }
    } catch (JsonParseException e) {
      throw new ConfigException(
          option + " is " + json + "; it must be a JSON object, such as {\"factor\": 4}", e);
    }
    throw new ConfigException(
        option + " is " + json + "; it must be a JSON object, such as {\"factor\": 4}");
  }

  /**
   * The fields of {@code config.json} with these in their place; in a model of images and text,
   * those that name none of its own fields are the text part's.
   */
  JsonFields in(JsonFields config) {
    if (fields.isEmpty()) {
      return config;
    }
    JsonElement text = config.element(ModelConfigReader.TEXT_PART).orElse(null);
    if (!(text instanceof JsonObject part)) {
      return config.withOverrides(withKept(fields, config));
    }
    JsonObject outer = new JsonObject();
    JsonObject inner = part.deepCopy();
    for (String key : fields.keySet()) {
      (config.has(key) ? outer : inner).add(key, fields.get(key).deepCopy());
    }
    if (inner.get(SCALING) instanceof JsonObject scaling && part.has("rope_parameters")) {
      keep(scaling, part.get("rope_parameters"));
    }
    if (!outer.has(ModelConfigReader.TEXT_PART)) {
      outer.add(ModelConfigReader.TEXT_PART, inner);
    }
    return config.withOverrides(outer);
  }

  private static JsonObject withKept(JsonObject overrides, JsonFields config) {
    JsonObject all = overrides.deepCopy();
    if (all.get(SCALING) instanceof JsonObject scaling) {
      config.element("rope_parameters").ifPresent(parameters -> keep(scaling, parameters));
    }
    return all;
  }

  private static void keep(JsonObject scaling, JsonElement parameters) {
    if (parameters instanceof JsonObject given) {
      for (String key : KEPT) {
        if (given.has(key) && !scaling.has(key)) {
          scaling.add(key, given.get(key));
        }
      }
    }
  }
}
