package dev.questspark.engine.jinja;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.python.Arguments;
import dev.questspark.engine.jinja.python.Arguments.Parameters;
import java.util.HashMap;
import java.util.Map;

/** The filters that templates call by name. */
final class Filters {
  /** A filter with the arguments as they were passed. */
  @FunctionalInterface
  interface Filter {
    Object apply(Object value, Arguments arguments);
  }

  /** A filter with all its parameters bound, the value first. */
  @FunctionalInterface
  interface Bound {
    Object apply(Object[] arguments);
  }

  private static final Map<String, Filter> FILTERS = new HashMap<>();

  static {
    TextFilters.define(FILTERS);
    NumberFilters.define(FILTERS);
    SequenceFilters.define(FILTERS);
    Selections.define(FILTERS);
    FILTERS.put("d", FILTERS.get("default"));
    FILTERS.put("e", FILTERS.get("escape"));
    FILTERS.put("count", FILTERS.get("length"));
  }

  private Filters() {}

  /** Adds a filter whose signature is written as in Python. */
  static void define(Map<String, Filter> filters, String signature, Bound filter) {
    Parameters parameters = Parameters.parse(signature);
    filters.put(
        parameters.function(),
        (value, arguments) -> filter.apply(arguments.prepend(value).bind(parameters)));
  }

  static boolean isKnown(String name) {
    return FILTERS.containsKey(name);
  }

  static Object apply(String name, Object value, Arguments arguments) {
    Filter filter = FILTERS.get(name);
    if (filter == null) {
      throw new JinjaException("the filter '" + name + "' is not known");
    }
    return filter.apply(value, arguments);
  }
}
