package dev.questspark.engine.tokens;

import java.beans.FeatureDescriptor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntPredicate;
import java.util.regex.Pattern;
import jinjava.javax.el.ELContext;
import jinjava.javax.el.ELResolver;

/**
 * The methods of Python's {@code str} and {@code dict} that published chat templates call; jinjava
 * itself offers Java's.
 */
final class PythonMethods extends ELResolver {

  @Override
  public Object invoke(
      ELContext context, Object base, Object method, Class<?>[] types, Object[] arguments) {
    Optional<Object> result = Optional.empty();
    if (base instanceof CharSequence text) {
      result = onString(text.toString(), method.toString(), arguments);
    } else if (base instanceof Map<?, ?> map) {
      result = onDict(map, method.toString(), arguments);
    }
    if (result.isPresent()) {
      context.setPropertyResolved(true);
    }
    return result.orElse(null);
  }

  private static Optional<Object> onString(String text, String method, Object[] arguments) {
    String first = arguments.length > 0 && arguments[0] != null ? arguments[0].toString() : null;
    return Optional.ofNullable(
        switch (method) {
          case "strip" -> strip(text, first, true, true);
          case "lstrip" -> strip(text, first, true, false);
          case "rstrip" -> strip(text, first, false, true);
          case "split" -> split(text, first, arguments.length > 1 ? count(arguments[1]) : -1);
          case "startswith" -> text.startsWith(first);
          case "endswith" -> text.endsWith(first);
          case "replace" -> text.replace(first, arguments[1].toString());
          case "upper" -> text.toUpperCase(Locale.ROOT);
          case "lower" -> text.toLowerCase(Locale.ROOT);
          case "capitalize" ->
              text.isEmpty()
                  ? text
                  : text.substring(0, 1).toUpperCase(Locale.ROOT)
                      + text.substring(1).toLowerCase(Locale.ROOT);
          default -> null;
        });
  }

  private static Optional<Object> onDict(Map<?, ?> map, String method, Object[] arguments) {
    return Optional.ofNullable(
        switch (method) {
          case "items" ->
              map.entrySet().stream()
                  .map(entry -> Arrays.asList(entry.getKey(), entry.getValue()))
                  .toList();
          case "keys" -> List.copyOf(map.keySet());
          case "values" -> new ArrayList<>(map.values());
          case "get" ->
              map.containsKey(arguments[0])
                  ? map.get(arguments[0])
                  : arguments.length > 1 ? arguments[1] : null;
          default -> null;
        });
  }

  /** Removes white space, or any of {@code characters}, from the ends. */
  private static String strip(String text, String characters, boolean left, boolean right) {
    IntPredicate stripped =
        characters == null ? Character::isWhitespace : c -> characters.indexOf(c) >= 0;
    int from = 0;
    int to = text.length();
    while (left && from < to && stripped.test(text.charAt(from))) {
      from++;
    }
    while (right && to > from && stripped.test(text.charAt(to - 1))) {
      to--;
    }
    return text.substring(from, to);
  }

  /**
   * Parts between {@code separator}, empty ones kept; at most {@code most} cuts unless negative.
   */
  private static List<String> split(String text, String separator, int most) {
    if (separator == null) {
      String trimmed = text.strip();
      return trimmed.isEmpty() ? List.of() : List.of(trimmed.split("\\s+"));
    }
    return List.of(text.split(Pattern.quote(separator), most < 0 ? -1 : most + 1));
  }

  private static int count(Object number) {
    return ((Number) number).intValue();
  }

  @Override
  public Object getValue(ELContext context, Object base, Object property) {
    return null;
  }

  @Override
  public Class<?> getType(ELContext context, Object base, Object property) {
    return null;
  }

  @Override
  public void setValue(ELContext context, Object base, Object property, Object value) {}

  @Override
  public boolean isReadOnly(ELContext context, Object base, Object property) {
    return true;
  }

  @Override
  public Iterator<FeatureDescriptor> getFeatureDescriptors(ELContext context, Object base) {
    return null;
  }

  @Override
  public Class<?> getCommonPropertyType(ELContext context, Object base) {
    return null;
  }
}
