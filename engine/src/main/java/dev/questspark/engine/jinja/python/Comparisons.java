package dev.questspark.engine.jinja.python;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.python.Value.Dict;
import dev.questspark.engine.jinja.python.Value.Range;
import dev.questspark.engine.jinja.python.Value.Tuple;
import dev.questspark.engine.jinja.python.Value.Undefined;
import dev.questspark.engine.jinja.python.Value.View;
import java.math.BigDecimal;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/** Python's comparisons: equality, order and membership. */
public final class Comparisons {
  private Comparisons() {}

  public static boolean equal(Object a, Object b) {
    if (Operators.isNumber(a) && Operators.isNumber(b)) {
      return compareNumbers(a, b) == 0;
    }
    if (Python.isText(a) && Python.isText(b)) {
      return Python.text(a).equals(Python.text(b));
    }
    if (a instanceof List<?> x && b instanceof List<?> y) {
      return equalItems(x, y);
    }
    if (a instanceof Tuple x && b instanceof Tuple y) {
      return equalItems(x.items(), y.items());
    }
    if (a instanceof Dict x && b instanceof Dict y) {
      return equalDicts(x, y);
    }
    if (a instanceof Range x && b instanceof Range y) {
      return equalItems(Python.list(x), Python.list(y));
    }
    if (a instanceof View x
        && b instanceof View y
        && !x.kind().equals("dict_values")
        && !y.kind().equals("dict_values")) {
      return x.dict().size() == y.dict().size()
          && Python.list(x).stream().allMatch(item -> contains(y, item));
    }
    return a == b || a instanceof Undefined && b instanceof Undefined;
  }

  /** What {@code list.index} and {@code in} ask of an item. */
  public static boolean same(Object a, Object b) {
    return a == b || equal(a, b);
  }

  private static boolean equalItems(List<?> a, List<?> b) {
    if (a.size() != b.size()) {
      return false;
    }
    for (int i = 0; i < a.size(); i++) {
      if (!same(a.get(i), b.get(i))) {
        return false;
      }
    }
    return true;
  }

  private static boolean equalDicts(Dict a, Dict b) {
    if (a.size() != b.size()) {
      return false;
    }
    for (Map.Entry<Object, Object> entry : a.entries()) {
      Object other = b.get(entry.getKey());
      if (other == Value.ABSENT || !same(entry.getValue(), other)) {
        return false;
      }
    }
    return true;
  }

  /** Below, at or above 0; NaN compares with nothing, which is 2. */
  private static int compareNumbers(Object a, Object b) {
    double x = a instanceof Double number ? number : 0;
    double y = b instanceof Double number ? number : 0;
    if (Double.isNaN(x) || Double.isNaN(y)) {
      return 2;
    }
    if (Double.isInfinite(x) || Double.isInfinite(y)) {
      return Double.compare(x, y);
    }
    return exact(a).compareTo(exact(b));
  }

  private static BigDecimal exact(Object number) {
    return number instanceof Double real
        ? new BigDecimal(real)
        : new BigDecimal(Python.index(number));
  }

  /** {@code a < b}, {@code >=} and the like. */
  public static boolean ordered(String operator, Object a, Object b) {
    Operators.refuseUndefined(a);
    Operators.refuseUndefined(b);
    int order;
    if (Operators.isNumber(a) && Operators.isNumber(b)) {
      order = compareNumbers(a, b);
      if (order == 2) {
        return false;
      }
    } else if (Python.isText(a) && Python.isText(b)) {
      order = compareText(Python.text(a), Python.text(b));
    } else if (a instanceof List<?> x && b instanceof List<?> y) {
      return orderedItems(operator, x, y);
    } else if (a instanceof Tuple x && b instanceof Tuple y) {
      return orderedItems(operator, x.items(), y.items());
    } else {
      throw new JinjaException(
          "'"
              + operator
              + "' has no meaning between values of type "
              + Python.type(a)
              + " and "
              + Python.type(b));
    }
    return holds(operator, order);
  }

  private static boolean holds(String operator, int order) {
    return switch (operator) {
      case "<" -> order < 0;
      case "<=" -> order <= 0;
      case ">" -> order > 0;
      default -> order >= 0;
    };
  }

  private static boolean orderedItems(String operator, List<?> a, List<?> b) {
    for (int i = 0; i < Math.min(a.size(), b.size()); i++) {
      if (!same(a.get(i), b.get(i))) {
        return ordered(operator, a.get(i), b.get(i));
      }
    }
    return holds(operator, Integer.compare(a.size(), b.size()));
  }

  /** Order of code points, which differs from Java's beyond the basic plane. */
  private static int compareText(String a, String b) {
    Iterator<Integer> left = a.codePoints().iterator();
    Iterator<Integer> right = b.codePoints().iterator();
    while (left.hasNext() && right.hasNext()) {
      int order = Integer.compare(left.next(), right.next());
      if (order != 0) {
        return order;
      }
    }
    return left.hasNext() ? 1 : right.hasNext() ? -1 : 0;
  }

  /** {@code item in container}. */
  public static boolean contains(Object container, Object item) {
    if (Python.isText(container)) {
      if (item instanceof Undefined || !Python.isText(item)) {
        throw new JinjaException(
            "'in' needs a string before a string, not a value of type " + Python.type(item));
      }
      return Python.text(container).contains(Python.text(item));
    }
    if (container instanceof Dict dict) {
      return dict.get(item) != Value.ABSENT;
    }
    if (container instanceof View view && view.kind().equals("dict_keys")) {
      return view.dict().get(item) != Value.ABSENT;
    }
    Iterator<Object> items = Python.iterate(container);
    while (items.hasNext()) {
      if (same(items.next(), item)) {
        return true;
      }
    }
    return false;
  }
}
