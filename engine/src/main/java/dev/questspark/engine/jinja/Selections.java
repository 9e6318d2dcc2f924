package dev.questspark.engine.jinja;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.python.Arguments;
import dev.questspark.engine.jinja.python.Attributes;
import dev.questspark.engine.jinja.python.Python;
import dev.questspark.engine.jinja.python.Splitting;
import dev.questspark.engine.jinja.python.Value;
import dev.questspark.engine.jinja.python.Value.Generator;
import dev.questspark.engine.jinja.python.Value.Undefined;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;

/** The filters map, select and reject, which read their items only when asked. */
final class Selections {
  private Selections() {}

  static void define(Map<String, Filters.Filter> to) {
    to.put("map", Selections::map);
    to.put("select", (value, arguments) -> select(value, arguments, false, true));
    to.put("reject", (value, arguments) -> select(value, arguments, false, false));
    to.put("selectattr", (value, arguments) -> select(value, arguments, true, true));
    to.put("rejectattr", (value, arguments) -> select(value, arguments, true, false));
  }

  /** Follows {@code a.b.0}; with a default, in place of what is missing. */
  static Function<Object, Object> getter(Object attribute, Object replacement) {
    List<Object> parts = new ArrayList<>();
    if (Python.isText(attribute)) {
      for (Object part : Splitting.split(Python.text(attribute), ".", -1)) {
        String name = (String) part;
        boolean number = !name.isEmpty() && name.chars().allMatch(Character::isDigit);
        parts.add(number ? (Object) new BigInteger(name) : name);
      }
    } else if (attribute != null) {
      parts.add(attribute);
    }
    return value -> {
      Object item = value;
      for (Object part : parts) {
        item = Attributes.item(item, part);
        item = replacement != null && item instanceof Undefined ? replacement : item;
      }
      return item;
    };
  }

  private static Object map(Object value, Arguments arguments) {
    return lazy(
        () -> {
          if (!Python.truth(value)) {
            return Collections.emptyIterator();
          }
          if (arguments.positional().isEmpty() && arguments.keywords().containsKey("attribute")) {
            Map<String, Object> others = new LinkedHashMap<>(arguments.keywords());
            Function<Object, Object> getter =
                getter(others.remove("attribute"), others.remove("default"));
            if (!others.isEmpty()) {
              throw new JinjaException(
                  "map takes no keyword argument '" + others.keySet().iterator().next() + "'");
            }
            return Python.map(Python.iterate(value), getter);
          }
          String name = named(arguments, 0, "map needs a filter's name or attribute=");
          Arguments rest = arguments.skip(1);
          return Python.map(Python.iterate(value), item -> Filters.apply(name, item, rest));
        });
  }

  private static String named(Arguments arguments, int at, String otherwise) {
    if (arguments.positional().size() <= at || !Python.isText(arguments.positional().get(at))) {
      throw new JinjaException(otherwise);
    }
    return Python.text(arguments.positional().get(at));
  }

  private static Object select(
      Object value, Arguments arguments, boolean byAttribute, boolean wanted) {
    return lazy(
        () -> {
          if (!Python.truth(value)) {
            return Collections.emptyIterator();
          }
          int at = byAttribute ? 1 : 0;
          if (arguments.positional().size() < at) {
            throw new JinjaException("the name of the attribute is missing");
          }
          Function<Object, Object> getter =
              getter(byAttribute ? arguments.positional().get(0) : null, null);
          if (arguments.positional().size() <= at) {
            return filtered(
                Python.iterate(value), item -> Python.truth(getter.apply(item)) == wanted);
          }
          String test = named(arguments, at, "the name of a test must be a string");
          Arguments rest = arguments.skip(at + 1);
          return filtered(
              Python.iterate(value),
              item -> Python.truth(Conditions.test(test, getter.apply(item), rest)) == wanted);
        });
  }

  /** A generator that does nothing before its first item is asked for. */
  static Generator lazy(Supplier<Iterator<Object>> start) {
    return new Generator(
        "generator",
        new Iterator<>() {
          private Iterator<Object> items;

          private Iterator<Object> started() {
            items = items == null ? start.get() : items;
            return items;
          }

          @Override
          public boolean hasNext() {
            return started().hasNext();
          }

          @Override
          public Object next() {
            return started().next();
          }
        });
  }

  static Iterator<Object> filtered(Iterator<Object> items, Predicate<Object> wanted) {
    return new Iterator<>() {
      private Object ahead = Value.ABSENT;

      @Override
      public boolean hasNext() {
        while (ahead == Value.ABSENT && items.hasNext()) {
          Object item = items.next();
          ahead = wanted.test(item) ? item : Value.ABSENT;
        }
        return ahead != Value.ABSENT;
      }

      @Override
      public Object next() {
        if (!hasNext()) {
          throw new NoSuchElementException();
        }
        Object item = ahead;
        ahead = Value.ABSENT;
        return item;
      }
    };
  }
}
