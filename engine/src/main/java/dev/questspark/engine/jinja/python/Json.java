package dev.questspark.engine.jinja.python;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.python.Value.Dict;
import dev.questspark.engine.jinja.python.Value.Tuple;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/** Python's {@code json.dumps}. */
public final class Json {
  private final boolean ascii;
  private final String indent;
  private final String itemSeparator;
  private final String keySeparator;
  private final boolean sorted;
  private final StringBuilder out = new StringBuilder();

  private Json(
      boolean ascii, String indent, String itemSeparator, String keySeparator, boolean sorted) {
    this.ascii = ascii;
    this.indent = indent;
    this.itemSeparator = itemSeparator;
    this.keySeparator = keySeparator;
    this.sorted = sorted;
  }

  /**
   * Writes a value.
   *
   * @param indent None, blanks per level, or the text itself
   * @param separators None, or two texts
   */
  public static String dumps(
      Object value, boolean ascii, Object indent, Object separators, boolean sorted) {
    String step =
        indent == null || Python.isText(indent)
            ? Python.text(indent)
            : " ".repeat(Math.min(1000, Math.max(0, Python.count(indent))));
    String items = step == null ? ", " : ",";
    String keys = ": ";
    if (separators != null) {
      List<Object> pair = Python.list(separators);
      if (pair.size() != 2 || !pair.stream().allMatch(Python::isText)) {
        throw new JinjaException("the separators of tojson must be two strings");
      }
      items = Python.text(pair.get(0));
      keys = Python.text(pair.get(1));
    }
    Json json = new Json(ascii, step, items, keys, sorted);
    json.value(value, 0);
    return json.out.toString();
  }

  private void value(Object value, int level) {
    Python.checkSize(out.length());
    if (value == null) {
      out.append("null");
    } else if (value instanceof Boolean flag) {
      out.append(flag);
    } else if (value instanceof BigInteger number) {
      out.append(Text.integer(number));
    } else if (value instanceof Double number) {
      out.append(real(number));
    } else if (Python.isText(value)) {
      string(Python.text(value));
    } else if (value instanceof List<?> list) {
      items(list, level);
    } else if (value instanceof Tuple tuple) {
      items(tuple.items(), level);
    } else if (value instanceof Dict dict) {
      dict(dict, level);
    } else {
      throw new JinjaException(
          "a value of type " + Python.type(value) + " cannot be written as JSON");
    }
  }

  private static String real(double number) {
    return Double.isNaN(number)
        ? "NaN"
        : Double.isInfinite(number) ? (number > 0 ? "Infinity" : "-Infinity") : Text.real(number);
  }

  private void items(List<?> items, int level) {
    if (items.isEmpty()) {
      out.append("[]");
      return;
    }
    out.append('[');
    boolean first = true;
    for (Object item : items) {
      out.append(first ? "" : itemSeparator);
      first = false;
      newLine(level + 1);
      value(item, level + 1);
    }
    newLine(level);
    out.append(']');
  }

  private void dict(Dict dict, int level) {
    if (dict.size() == 0) {
      out.append("{}");
      return;
    }
    List<Map.Entry<Object, Object>> entries = new ArrayList<>();
    dict.entries().forEach(entries::add);
    if (sorted) {
      entries.sort(Map.Entry.comparingByKey(order()));
    }
    out.append('{');
    boolean first = true;
    for (Map.Entry<Object, Object> entry : entries) {
      out.append(first ? "" : itemSeparator);
      first = false;
      newLine(level + 1);
      string(key(entry.getKey()));
      out.append(keySeparator);
      value(entry.getValue(), level + 1);
    }
    newLine(level);
    out.append('}');
  }

  private static Comparator<Object> order() {
    return (a, b) -> Comparisons.ordered("<", a, b) ? -1 : Comparisons.ordered("<", b, a) ? 1 : 0;
  }

  private static String key(Object key) {
    if (Python.isText(key)) {
      return Python.text(key);
    }
    if (key == null || key instanceof Boolean) {
      return key == null ? "null" : key.toString();
    }
    if (key instanceof Double number) {
      return real(number);
    }
    if (key instanceof BigInteger number) {
      return Text.integer(number);
    }
    throw new JinjaException("a key of type " + Python.type(key) + " cannot be written as JSON");
  }

  private void newLine(int level) {
    if (indent != null) {
      out.append('\n').append(indent.repeat(level));
    }
  }

  private void string(String text) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      int special = "\"\\\n\r\t\f\b".indexOf(c);
      if (special >= 0) {
        out.append('\\').append("\"\\nrtfb".charAt(special));
      } else if (c < ' ' || ascii && c > '~') {
        out.append("\\u%04x".formatted((int) c));
      } else {
        out.append(c);
      }
    }
    out.append('"');
  }
}
