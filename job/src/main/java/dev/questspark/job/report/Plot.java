package dev.questspark.job.report;

import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.util.List;
import java.util.Map;

/**
 * A picture as a specification in <a href="https://vega.github.io/vega/docs/">Vega's language</a>:
 * a template of the resources with a figure's values in it. Vega, which the page carries, draws it
 * as SVG.
 */
final class Plot {
  private static final Gson GSON = new Gson();

  private final JsonObject specification;

  /**
   * A plot without values.
   *
   * @param template {@code plot-<template>.json} of the resources
   * @param description read by screen readers
   */
  Plot(String template, String description) {
    specification =
        JsonParser.parseString(Resource.text("plot-" + template + ".json")).getAsJsonObject();
    specification.addProperty("description", description);
    specification.add("config", JsonParser.parseString(Resource.text("plot-config.json")));
  }

  /** Gives a signal of the template its value. */
  Plot signal(String name, Object value) {
    named("signals", name).add("value", GSON.toJsonTree(value));
    return this;
  }

  /** Sets properties of a scale of the template. */
  Plot scale(String name, Map<String, ?> properties) {
    JsonObject scale = named("scales", name);
    properties.forEach((property, value) -> scale.add(property, GSON.toJsonTree(value)));
    return this;
  }

  /** Fills a data set of the template; fields are the rows' components, null ones left out. */
  Plot data(String name, List<? extends Record> rows) {
    named("data", name).add("values", GSON.toJsonTree(rows));
    return this;
  }

  private JsonObject named(String kind, String name) {
    JsonArray all = specification.getAsJsonArray(kind);
    for (JsonElement one : all) {
      if (one.getAsJsonObject().get("name").getAsString().equals(name)) {
        return one.getAsJsonObject();
      }
    }
    throw new IllegalStateException("the template has no " + name + " among its " + kind);
  }

  /** The specification, safe inside a script element: {@code <} is escaped. */
  String json() {
    return GSON.toJson(specification);
  }
}
