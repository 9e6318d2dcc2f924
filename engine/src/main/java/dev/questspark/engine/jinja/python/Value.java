package dev.questspark.engine.jinja.python;

import dev.questspark.engine.jinja.failure.JinjaException;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Python's values as Java has them: None is null, bool is Boolean, int is BigInteger, float is
 * Double, str is String and list is List. Here is the rest.
 */
public final class Value {
  /** No value at all: a parameter not given, a key not found. Never seen by a template. */
  public static final Object ABSENT = new Object();

  private Value() {}

  /** A str that counts as escaped; joined to others, those are escaped. */
  public record Markup(String text) {}

  /**
   * A tuple.
   *
   * @param group whether it is one of groupby, whose items have names
   */
  public record Tuple(List<Object> items, boolean group) {
    public Tuple(List<Object> items) {
      this(items, false);
    }

    public static Tuple of(Object... items) {
      return new Tuple(java.util.Arrays.asList(items));
    }
  }

  /** A range of integers. */
  public record Range(long start, long stop, long step) {
    public long length() {
      long span = step > 0 ? stop - start : start - stop;
      long stride = Math.abs(step);
      return span <= 0 ? 0 : (span + stride - 1) / stride;
    }
  }

  /** What can be iterated once. */
  public static final class Generator implements Iterator<Object> {
    private final String type;
    private final Iterator<Object> items;

    public Generator(String type, Iterator<Object> items) {
      this.type = type;
      this.items = items;
    }

    String type() {
      return type;
    }

    @Override
    public boolean hasNext() {
      return items.hasNext();
    }

    @Override
    public Object next() {
      return items.next();
    }
  }

  /** A dict in the order of insertion. */
  public static final class Dict {
    private final Map<Object, Map.Entry<Object, Object>> entries = new LinkedHashMap<>();

    Object get(Object key) {
      Map.Entry<Object, Object> entry = entries.get(Python.hashKey(key));
      return entry == null ? ABSENT : entry.getValue();
    }

    public void put(Object key, Object value) {
      Object hash = Python.hashKey(key);
      Map.Entry<Object, Object> old = entries.get(hash);
      Object kept = old == null ? key : old.getKey(); // Python keeps the first of equal keys
      entries.put(hash, new java.util.AbstractMap.SimpleImmutableEntry<>(kept, value));
    }

    public void putAll(Dict other) {
      other.entries().forEach(entry -> put(entry.getKey(), entry.getValue()));
    }

    public Iterable<Map.Entry<Object, Object>> entries() {
      return entries.values();
    }

    int size() {
      return entries.size();
    }
  }

  /** What keys(), values() and items() of a dict return. */
  public record View(String kind, Dict dict) {
    public Iterator<Object> iterator() {
      Iterator<Map.Entry<Object, Object>> entries = dict.entries().iterator();
      return new Iterator<>() {
        @Override
        public boolean hasNext() {
          return entries.hasNext();
        }

        @Override
        public Object next() {
          Map.Entry<Object, Object> entry = entries.next();
          return switch (kind) {
            case "dict_keys" -> entry.getKey();
            case "dict_values" -> entry.getValue();
            default -> Tuple.of(entry.getKey(), entry.getValue());
          };
        }
      };
    }
  }

  /**
   * What a name without a value has: it prints nothing and is false.
   *
   * @param reason what is said when more is done with it
   */
  public record Undefined(String reason) {
    public static Undefined name(String name) {
      return new Undefined("'" + name + "' is undefined");
    }

    public JinjaException failure() {
      return new JinjaException(reason);
    }
  }

  /** Attributes that templates may set. */
  public record Namespace(Dict attributes) {
    public void set(String name, Object value) {
      if (name.startsWith("_")) {
        throw new JinjaException(
            "the namespace's attribute '" + name + "' begins with an underscore; rename it");
      }
      attributes.put(name, value);
    }

    @Override
    public boolean equals(Object other) {
      return this == other;
    }

    @Override
    public int hashCode() {
      return System.identityHashCode(this);
    }
  }

  /** What can be called. */
  @FunctionalInterface
  public interface Function {
    Object call(Arguments arguments);
  }

  /** An object of Jinja's own that can be iterated and knows how many items it has. */
  public interface Iterated {
    /** All items, those already read among them. */
    long length();

    /** The items not yet read. */
    Iterator<Object> iterator();
  }

  /** An object of Jinja's own whose attributes are computed. */
  public interface Attributed {
    /** The attribute's value, or {@link #ABSENT}. */
    Object attribute(String name);

    String describe();
  }
}
