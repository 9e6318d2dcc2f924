package dev.questspark.engine.jinja;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.python.Arguments;
import dev.questspark.engine.jinja.python.Arguments.Parameters;
import dev.questspark.engine.jinja.python.Casing;
import dev.questspark.engine.jinja.python.Comparisons;
import dev.questspark.engine.jinja.python.Operators;
import dev.questspark.engine.jinja.python.Python;
import dev.questspark.engine.jinja.python.Text;
import dev.questspark.engine.jinja.python.Value.Dict;
import dev.questspark.engine.jinja.python.Value.Function;
import dev.questspark.engine.jinja.python.Value.Markup;
import dev.questspark.engine.jinja.python.Value.Range;
import dev.questspark.engine.jinja.python.Value.Tuple;
import dev.questspark.engine.jinja.python.Value.Undefined;
import java.math.BigInteger;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/** The tests behind {@code is}. */
final class Conditions {
  private static final BigInteger TWO = BigInteger.TWO;
  private static final Parameters ONE = Parameters.parse("test(value)");
  private static final Parameters BOTH = Parameters.parse("test(value, other)");
  private static final Map<String, Predicate<Object>> ALONE = new HashMap<>();
  private static final Map<String, java.util.function.BiPredicate<Object, Object>> COMPARING =
      new HashMap<>();

  static {
    ALONE.put("defined", value -> !(value instanceof Undefined));
    ALONE.put("undefined", value -> value instanceof Undefined);
    ALONE.put("none", value -> value == null);
    ALONE.put("boolean", value -> value instanceof Boolean);
    ALONE.put("true", value -> Boolean.TRUE.equals(value));
    ALONE.put("false", value -> Boolean.FALSE.equals(value));
    ALONE.put("integer", value -> value instanceof BigInteger);
    ALONE.put("float", value -> value instanceof Double);
    ALONE.put("number", Operators::isNumber);
    ALONE.put("string", Python::isText);
    ALONE.put("mapping", value -> value instanceof Dict);
    ALONE.put("iterable", Python::isIterable);
    ALONE.put(
        "sequence",
        value ->
            Python.isText(value)
                || value instanceof List
                || value instanceof Tuple
                || value instanceof Dict
                || value instanceof Range
                || value instanceof Undefined);
    ALONE.put("callable", value -> value instanceof Function || value instanceof Undefined);
    ALONE.put("escaped", value -> value instanceof Markup);
    ALONE.put("lower", value -> Casing.isLower(Text.str(value)));
    ALONE.put("upper", value -> Casing.isUpper(Text.str(value)));
    ALONE.put("odd", value -> Comparisons.equal(Operators.binary("%", value, TWO), BigInteger.ONE));
    ALONE.put(
        "even", value -> Comparisons.equal(Operators.binary("%", value, TWO), BigInteger.ZERO));
    ALONE.put("filter", value -> Filters.isKnown(Text.str(value)));
    ALONE.put("test", value -> isKnown(Text.str(value)));
    COMPARING.put(
        "divisibleby",
        (value, by) -> Comparisons.equal(Operators.binary("%", value, by), BigInteger.ZERO));
    COMPARING.put("sameas", Conditions::sameAs);
    COMPARING.put("in", (value, container) -> Comparisons.contains(container, value));
    for (String name : List.of("==", "eq", "equalto")) {
      COMPARING.put(name, Comparisons::equal);
    }
    for (String name : List.of("!=", "ne")) {
      COMPARING.put(name, (a, b) -> !Comparisons.equal(a, b));
    }
    Map.of(
            "<",
            List.of("<", "lt", "lessthan"),
            "<=",
            List.of("<=", "le"),
            ">",
            List.of(">", "gt", "greaterthan"),
            ">=",
            List.of(">=", "ge"))
        .forEach(
            (operator, names) ->
                names.forEach(
                    name -> COMPARING.put(name, (a, b) -> Comparisons.ordered(operator, a, b))));
  }

  private Conditions() {}

  static boolean isKnown(String name) {
    return ALONE.containsKey(name) || COMPARING.containsKey(name);
  }

  static boolean test(String name, Object value, Arguments arguments) {
    if (ALONE.containsKey(name)) {
      return ALONE.get(name).test(arguments.prepend(value).bind(ONE)[0]);
    }
    if (!COMPARING.containsKey(name)) {
      throw new JinjaException("the test '" + name + "' is not known");
    }
    Object[] both = arguments.prepend(value).bind(BOTH);
    return COMPARING.get(name).test(both[0], both[1]);
  }

  /** Identity, which Python has for None, True, False, and small ints and strings by its caches. */
  private static boolean sameAs(Object a, Object b) {
    boolean comparable =
        a == null || b == null || a instanceof Boolean || b instanceof Boolean || a == b;
    boolean clear = comparable || !Python.type(a).equals(Python.type(b));
    if (!clear && (Operators.isNumber(a) || Python.isText(a)) && Comparisons.equal(a, b)) {
      throw new JinjaException(
          "'is sameas' of equal numbers or strings depends on Python's caches; write ==");
    }
    return a == b || a instanceof Boolean && a.equals(b);
  }
}
