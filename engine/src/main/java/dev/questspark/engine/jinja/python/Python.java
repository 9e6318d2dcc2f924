package dev.questspark.engine.jinja.python;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.python.Value.Dict;
import dev.questspark.engine.jinja.python.Value.Function;
import dev.questspark.engine.jinja.python.Value.Generator;
import dev.questspark.engine.jinja.python.Value.Iterated;
import dev.questspark.engine.jinja.python.Value.Markup;
import dev.questspark.engine.jinja.python.Value.Namespace;
import dev.questspark.engine.jinja.python.Value.Range;
import dev.questspark.engine.jinja.python.Value.Tuple;
import dev.questspark.engine.jinja.python.Value.Undefined;
import dev.questspark.engine.jinja.python.Value.View;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;

/** What Python's built-in functions ask of any value: bool, len, iter, hash, type. */
public final class Python {
  /** Most characters or items that one value may have; a template that makes more runs away. */
  static final long MOST = 1L << 26;

  private record Key(String type, List<Object> items) {}

  private Python() {}

  /** A Java value as Python has it; maps and lists are copied. */
  public static Object fromJava(Object value) {
    if (value instanceof Map<?, ?> map) {
      Dict dict = new Dict();
      map.forEach((key, item) -> dict.put(fromJava(key), fromJava(item)));
      return dict;
    }
    if (value instanceof Iterable<?> items) {
      List<Object> list = new ArrayList<>();
      items.forEach(item -> list.add(fromJava(item)));
      return list;
    }
    if (value instanceof Integer
        || value instanceof Long
        || value instanceof Short
        || value instanceof Byte) {
      return BigInteger.valueOf(((Number) value).longValue());
    }
    return value instanceof Float number ? (Object) number.doubleValue() : value;
  }

  /** The characters of a str, escaped or not; null for everything else. */
  public static String text(Object value) {
    return value instanceof String text
        ? text
        : value instanceof Markup markup ? markup.text() : null;
  }

  public static boolean isText(Object value) {
    return value instanceof String || value instanceof Markup;
  }

  public static boolean truth(Object value) {
    if (value == null || value instanceof Undefined) {
      return false;
    }
    if (value instanceof Boolean flag) {
      return flag;
    }
    if (value instanceof BigInteger number) {
      return number.signum() != 0;
    }
    if (value instanceof Double number) {
      return number != 0;
    }
    return !hasLength(value) || length(value) > 0;
  }

  public static boolean hasLength(Object value) {
    return isText(value)
        || value instanceof List
        || value instanceof Tuple
        || value instanceof Dict
        || value instanceof View
        || value instanceof Range
        || value instanceof Undefined
        || value instanceof Iterated;
  }

  public static long length(Object value) {
    if (isText(value)) {
      String text = text(value);
      return text.codePointCount(0, text.length());
    }
    if (value instanceof List<?> list) {
      return list.size();
    }
    if (value instanceof Tuple tuple) {
      return tuple.items().size();
    }
    if (value instanceof Dict dict) {
      return dict.size();
    }
    if (value instanceof View view) {
      return view.dict().size();
    }
    if (value instanceof Range range) {
      return range.length();
    }
    if (value instanceof Iterated object) {
      return object.length();
    }
    if (value instanceof Undefined) {
      return 0;
    }
    throw new JinjaException("a value of type " + type(value) + " has no length");
  }

  public static boolean isIterable(Object value) {
    return hasLength(value) || value instanceof Generator;
  }

  public static Iterator<Object> iterate(Object value) {
    if (isText(value)) {
      String text = text(value);
      Iterator<Integer> codePoints = text.codePoints().iterator();
      boolean markup = value instanceof Markup;
      return map(
          codePoints, c -> markup ? new Markup(Character.toString(c)) : Character.toString(c));
    }
    if (value instanceof List<?> list) {
      return map(list.iterator(), item -> item);
    }
    if (value instanceof Tuple tuple) {
      return tuple.items().iterator();
    }
    if (value instanceof Dict dict) {
      return new View("dict_keys", dict).iterator();
    }
    if (value instanceof View view) {
      return view.iterator();
    }
    if (value instanceof Range range) {
      return map(
          LongStream.range(0, range.length()).iterator(),
          i -> BigInteger.valueOf(range.start() + i * range.step()));
    }
    if (value instanceof Generator generator) {
      return generator;
    }
    if (value instanceof Undefined) {
      return Collections.emptyIterator();
    }
    if (value instanceof Iterated object) {
      return object.iterator();
    }
    throw new JinjaException("a value of type " + type(value) + " cannot be iterated");
  }

  public static <T> Iterator<Object> map(
      Iterator<T> items, java.util.function.Function<T, Object> change) {
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return items.hasNext();
      }

      @Override
      public Object next() {
        return change.apply(items.next());
      }
    };
  }

  /** All items as a new list. */
  public static List<Object> list(Object value) {
    List<Object> items = new ArrayList<>();
    Iterator<Object> iterator = iterate(value);
    while (iterator.hasNext()) {
      items.add(iterator.next());
      checkSize(items.size());
    }
    return items;
  }

  /** The items in reverse order, of what Python can walk backwards; else null. */
  public static List<Object> reversed(Object value) {
    boolean reversible = hasLength(value) && !(value instanceof Iterated);
    if (!reversible) {
      return null;
    }
    List<Object> items = list(value);
    Collections.reverse(items);
    return items;
  }

  /** Equal keys of a dict have equal Java keys: 1, 1.0 and True are one. */
  public static Object hashKey(Object value) {
    if (value instanceof Boolean flag) {
      return flag ? BigInteger.ONE : BigInteger.ZERO;
    }
    if (value instanceof Double number && number == Math.rint(number) && !number.isInfinite()) {
      return new java.math.BigDecimal(number).toBigInteger();
    }
    if (value instanceof Markup markup) {
      return markup.text();
    }
    if (value instanceof Tuple tuple) {
      return new Key("tuple", tuple.items().stream().map(Python::hashKey).toList());
    }
    if (value == null) {
      return new Key("None", List.of());
    }
    if (value instanceof Undefined) {
      return new Key("Undefined", List.of());
    }
    if (value instanceof List || value instanceof Dict || value instanceof View) {
      throw new JinjaException("a value of type " + type(value) + " cannot be a key");
    }
    return value;
  }

  public static String type(Object value) {
    if (value == null) {
      return "None";
    }
    if (value instanceof View view) {
      return view.kind();
    }
    if (value instanceof Generator generator) {
      return generator.type();
    }
    if (value instanceof Function) {
      return "function";
    }
    return value instanceof Boolean
        ? "bool"
        : value instanceof BigInteger
            ? "int"
            : value instanceof Double
                ? "float"
                : value instanceof String
                    ? "str"
                    : value instanceof List
                        ? "list"
                        : value instanceof Namespace
                            ? "namespace"
                            : value.getClass().getSimpleName().toLowerCase(java.util.Locale.ROOT);
  }

  /** Python's __index__: an int or bool. */
  public static BigInteger index(Object value) {
    if (value instanceof Undefined undefined) {
      throw undefined.failure();
    }
    if (value instanceof Boolean flag) {
      return flag ? BigInteger.ONE : BigInteger.ZERO;
    }
    if (value instanceof BigInteger number) {
      return number;
    }
    throw new JinjaException("a value of type " + type(value) + " stands where an int belongs");
  }

  /** An int that counts something; far beyond {@link #MOST} it is cut. */
  public static int count(Object value) {
    BigInteger number = index(value);
    return number.bitLength() < 31 ? number.intValue() : number.signum() * Integer.MAX_VALUE;
  }

  public static void checkSize(long size) {
    if (size > MOST) {
      throw new JinjaException("a value grows beyond " + MOST + " characters or items");
    }
  }
}
