package dev.questspark.engine.jinja.python;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.python.Value.Attributed;
import dev.questspark.engine.jinja.python.Value.Dict;
import dev.questspark.engine.jinja.python.Value.Function;
import dev.questspark.engine.jinja.python.Value.Markup;
import dev.questspark.engine.jinja.python.Value.Namespace;
import dev.questspark.engine.jinja.python.Value.Range;
import dev.questspark.engine.jinja.python.Value.Tuple;
import dev.questspark.engine.jinja.python.Value.Undefined;
import dev.questspark.engine.jinja.python.Value.View;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * {@code value.name} and {@code value[key]}, with the rules of Jinja's immutable sandbox: what
 * would change a list or dict, and what begins with an underscore, is not there.
 */
public final class Attributes {
  private static final Set<String> LIST_CHANGES =
      Set.of("append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove");
  private static final Set<String> DICT_CHANGES =
      Set.of("clear", "pop", "popitem", "setdefault", "update");
  private static final Arguments.Parameters GET =
      Arguments.Parameters.parse("get(key, default=None, /)");
  private static final Arguments.Parameters INDEX =
      Arguments.Parameters.parse("index(value, start=0, stop=9223372036854775807, /)");
  private static final Arguments.Parameters COUNT = Arguments.Parameters.parse("count(value, /)");

  private Attributes() {}

  /** {@code value.name}: the attribute, else the item. */
  public static Object attribute(Object value, String name) {
    Object member = member(value, name);
    if (member != Value.ABSENT) {
      return member;
    }
    Object item = value instanceof Dict dict ? dict.get(name) : Value.ABSENT;
    return item == Value.ABSENT ? missing(value, name) : item;
  }

  /** {@code value[key]}: the item, else the attribute. */
  public static Object item(Object value, Object key) {
    Object item = itemOnly(value, key);
    if (item == Value.ABSENT && Python.isText(key)) {
      item = member(value, Python.text(key));
    }
    return item == Value.ABSENT ? missing(value, key) : item;
  }

  private static Undefined missing(Object value, Object key) {
    String name = key instanceof String text ? "attribute '" + text + "'" : "such element";
    return new Undefined("a value of type " + Python.type(value) + " has no " + name);
  }

  private static Object itemOnly(Object value, Object key) {
    if (value instanceof Undefined undefined) {
      throw undefined.failure();
    }
    if (value instanceof Dict dict) {
      boolean hashable = !(key instanceof List) && !(key instanceof Dict) && !(key instanceof View);
      return hashable ? dict.get(key) : Value.ABSENT;
    }
    boolean indexed =
        Python.isText(value)
            || value instanceof List
            || value instanceof Tuple
            || value instanceof Range;
    if (!indexed || !Operators.isInteger(key)) {
      return Value.ABSENT;
    }
    long length = Python.length(value);
    long index = Python.count(key);
    index += index < 0 ? length : 0;
    return index < 0 || index >= length ? Value.ABSENT : at(value, (int) index);
  }

  private static Object at(Object value, int index) {
    if (value instanceof List<?> list) {
      return list.get(index);
    }
    if (value instanceof Tuple tuple) {
      return tuple.items().get(index);
    }
    if (value instanceof Range range) {
      return BigInteger.valueOf(range.start() + index * range.step());
    }
    String text = Python.text(value);
    String character = Character.toString(text.codePointAt(text.offsetByCodePoints(0, index)));
    return value instanceof Markup ? new Markup(character) : character;
  }

  /** The attribute as Python's getattr finds it and the sandbox lets it, or ABSENT. */
  public static Object member(Object value, String name) {
    if (value instanceof Undefined undefined) {
      throw undefined.failure();
    }
    if (isInternal(name)) {
      return unsafe(value, name);
    }
    if (Python.isText(value)) {
      return StringMethods.member(value, name);
    }
    if (value instanceof Dict dict) {
      return DICT_CHANGES.contains(name) ? unsafe(value, name) : dictMember(dict, name);
    }
    if (value instanceof List<?> list) {
      return LIST_CHANGES.contains(name) ? unsafe(value, name) : listMember(list, name);
    }
    if (value instanceof Tuple tuple) {
      if (tuple.group() && (name.equals("grouper") || name.equals("list"))) {
        return tuple.items().get(name.equals("grouper") ? 0 : 1);
      }
      return name.equals("copy") ? Value.ABSENT : listMember(tuple.items(), name);
    }
    if (value instanceof Namespace namespace) {
      return namespace.attributes().get(name);
    }
    if (value instanceof Attributed object) {
      return object.attribute(name);
    }
    return otherMember(value, name);
  }

  private static boolean isInternal(String name) {
    return name.length() > 4
        && name.startsWith("__")
        && name.endsWith("__")
        && Set.of(
                "__class__",
                "__doc__",
                "__init__",
                "__dict__",
                "__module__",
                "__len__",
                "__iter__",
                "__getitem__",
                "__eq__",
                "__ne__",
                "__hash__",
                "__str__",
                "__repr__",
                "__new__",
                "__dir__",
                "__contains__",
                "__getattribute__",
                "__setattr__",
                "__delattr__",
                "__reduce__",
                "__reduce_ex__",
                "__sizeof__",
                "__subclasshook__",
                "__init_subclass__",
                "__format__",
                "__call__",
                "__globals__")
            .contains(name);
  }

  private static Undefined unsafe(Object value, String name) {
    return new Undefined(
        "access to '"
            + name
            + "' of a value of type "
            + Python.type(value)
            + " is unsafe: templates may change nothing");
  }

  private static Object dictMember(Dict dict, String name) {
    return switch (name) {
      case "keys", "values", "items" -> function(name + "()", a -> new View("dict_" + name, dict));
      case "get" ->
          (Function)
              arguments -> {
                Object[] a = arguments.bind(GET);
                Object found = dict.get(a[0]);
                return found == Value.ABSENT ? a[1] : found;
              };
      case "copy" ->
          function(
              "copy()",
              a -> {
                Dict copy = new Dict();
                copy.putAll(dict);
                return copy;
              });
      case "fromkeys" -> throw new JinjaException("dict.fromkeys is not supported");
      default -> Value.ABSENT;
    };
  }

  private static Object listMember(List<?> list, String name) {
    return switch (name) {
      case "index" ->
          (Function)
              arguments -> {
                Object[] a = arguments.bind(INDEX);
                long from = Slices.bound(a[1], list.size(), 1, 0);
                long to = Slices.bound(a[2], list.size(), 1, 0);
                for (long i = from; i < to; i++) {
                  if (Comparisons.same(list.get((int) i), a[0])) {
                    return BigInteger.valueOf(i);
                  }
                }
                throw new JinjaException(Text.repr(a[0]) + " is not in the list");
              };
      case "count" ->
          (Function)
              arguments -> {
                Object value = arguments.bind(COUNT)[0];
                return BigInteger.valueOf(
                    list.stream().filter(item -> Comparisons.same(item, value)).count());
              };
      case "copy" -> function("copy()", a -> new ArrayList<Object>(list));
      default -> Value.ABSENT;
    };
  }

  private static Object otherMember(Object value, String name) {
    if (value instanceof Range range) {
      return switch (name) {
        case "start" -> BigInteger.valueOf(range.start());
        case "stop" -> BigInteger.valueOf(range.stop());
        case "step" -> BigInteger.valueOf(range.step());
        case "index", "count" -> listMember(Python.list(range), name);
        default -> Value.ABSENT;
      };
    }
    boolean numeric =
        Operators.isNumber(value)
            && Set.of(
                    "real",
                    "imag",
                    "numerator",
                    "denominator",
                    "conjugate",
                    "bit_length",
                    "bit_count",
                    "to_bytes",
                    "from_bytes",
                    "as_integer_ratio",
                    "is_integer",
                    "hex",
                    "fromhex")
                .contains(name);
    boolean view = value instanceof View && Set.of("mapping", "isdisjoint").contains(name);
    boolean generator =
        value instanceof Value.Generator && Set.of("send", "throw", "close").contains(name);
    if (numeric || view || generator || value instanceof Function) {
      throw new JinjaException(
          "'" + name + "' of a value of type " + Python.type(value) + " is not supported");
    }
    return Value.ABSENT;
  }

  private static Function function(
      String signature, java.util.function.Function<Object[], Object> body) {
    Arguments.Parameters parameters = Arguments.Parameters.parse(signature);
    return arguments -> body.apply(arguments.bind(parameters));
  }
}
