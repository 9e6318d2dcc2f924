package dev.questspark.engine.jinja;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.questspark.engine.jinja.failure.JinjaException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Renders templates for {@code compare.py} beside the test templates: a line of standard input is a
 * JSON object with {@code template} and {@code variables}, a line of output one with {@code text}
 * or {@code error}.
 */
final class RenderLines {
  private RenderLines() {}

  public static void main(String[] arguments) throws IOException {
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      JsonObject request = JsonParser.parseString(line).getAsJsonObject();
      JsonObject answer = new JsonObject();
      try {
        JinjaTemplate template = JinjaTemplate.parse(request.get("template").getAsString());
        answer.addProperty("text", template.render(variables(request.get("variables"))));
      } catch (JinjaException e) {
        answer.addProperty("error", e.getMessage());
      } catch (RuntimeException e) {
        answer.addProperty("crash", e.toString() + " at " + e.getStackTrace()[0]);
      }
      out.println(new Gson().toJson(answer));
      out.flush();
    }
  }

  /** A JSON object's values as Java has them; a number with a point or exponent is a float. */
  static Map<String, Object> variables(JsonElement object) {
    Map<String, Object> values = new LinkedHashMap<>();
    object.getAsJsonObject().asMap().forEach((key, value) -> values.put(key, plain(value)));
    return values;
  }

  private static Object plain(JsonElement element) {
    if (element.isJsonObject()) {
      return variables(element);
    }
    if (element.isJsonArray()) {
      List<Object> items = new ArrayList<>();
      element.getAsJsonArray().forEach(item -> items.add(plain(item)));
      return items;
    }
    if (element.isJsonNull()) {
      return null;
    }
    if (element.getAsJsonPrimitive().isBoolean()) {
      return element.getAsBoolean();
    }
    if (element.getAsJsonPrimitive().isString()) {
      return element.getAsString();
    }
    String number = element.getAsString();
    return number.matches("-?\\d+") ? (Object) element.getAsBigInteger() : element.getAsDouble();
  }
}
