package dev.questspark.engine.jinja.python;

import dev.questspark.engine.jinja.failure.JinjaException;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** What a call passes. */
public record Arguments(List<Object> positional, Map<String, Object> keywords) {
  public static final Arguments NONE = new Arguments(List.of(), Map.of());

  public static Arguments of(Object... positional) {
    return new Arguments(Arrays.asList(positional), Map.of());
  }

  /** These with a value before the others. */
  public Arguments prepend(Object value) {
    List<Object> all = new ArrayList<>();
    all.add(value);
    all.addAll(positional);
    return new Arguments(all, keywords);
  }

  /** These without the first {@code count}. */
  public Arguments skip(int count) {
    int from = Math.min(count, positional.size());
    return new Arguments(positional.subList(from, positional.size()), keywords);
  }

  /** Values of the parameters that a signature names. */
  public Object[] bind(Parameters parameters) {
    List<String> names = parameters.names();
    if (positional.size() > names.size()) {
      throw new JinjaException(
          parameters.function()
              + " takes at most "
              + names.size()
              + " arguments, "
              + positional.size()
              + " given");
    }
    Object[] values = new Object[names.size()];
    Arrays.fill(values, Value.ABSENT);
    for (int i = 0; i < positional.size(); i++) {
      values[i] = positional.get(i);
    }
    keywords.forEach(
        (key, value) -> {
          int at = parameters.byPositionOnly() ? -1 : names.indexOf(key);
          if (at < 0 || values[at] != Value.ABSENT) {
            throw new JinjaException(
                parameters.function()
                    + " takes no keyword argument '"
                    + key
                    + "'"
                    + (at < 0 ? "" : " twice"));
          }
          values[at] = value;
        });
    for (int i = 0; i < values.length; i++) {
      if (values[i] == Value.ABSENT) {
        if (i < parameters.required()) {
          throw new JinjaException(
              parameters.function() + " needs its argument '" + names.get(i) + "'");
        }
        values[i] = parameters.defaults().get(i);
      }
    }
    return values;
  }

  /**
   * A signature as Python writes it.
   *
   * @param byPositionOnly whether keywords are refused: it ends with {@code /}
   */
  public record Parameters(
      String function,
      List<String> names,
      List<Object> defaults,
      int required,
      boolean byPositionOnly) {

    /** Reads {@code name(a, b=1, c='x', d=None, /)}. */
    public static Parameters parse(String signature) {
      int open = signature.indexOf('(');
      String inner = signature.substring(open + 1, signature.length() - 1);
      List<String> names = new ArrayList<>();
      List<Object> defaults = new ArrayList<>();
      int required = 0;
      boolean byPositionOnly = false;
      for (String part : inner.isEmpty() ? new String[0] : inner.split(", (?!')")) {
        if (part.equals("/")) {
          byPositionOnly = true;
          continue;
        }
        int equals = part.indexOf('=');
        names.add(equals < 0 ? part : part.substring(0, equals));
        defaults.add(equals < 0 ? null : constant(part.substring(equals + 1)));
        required += equals < 0 ? 1 : 0;
      }
      return new Parameters(
          signature.substring(0, open), names, defaults, required, byPositionOnly);
    }

    private static Object constant(String text) {
      return switch (text) {
        case "None" -> null;
        case "True" -> true;
        case "False" -> false;
        default ->
            text.startsWith("'")
                ? text.substring(1, text.length() - 1)
                : text.contains(".") ? (Object) Double.valueOf(text) : new BigInteger(text);
      };
    }
  }
}
