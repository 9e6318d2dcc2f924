package dev.questspark.engine.jinja.python;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.python.Value.Attributed;
import dev.questspark.engine.jinja.python.Value.Dict;
import dev.questspark.engine.jinja.python.Value.Markup;
import dev.questspark.engine.jinja.python.Value.Namespace;
import dev.questspark.engine.jinja.python.Value.Range;
import dev.questspark.engine.jinja.python.Value.Tuple;
import dev.questspark.engine.jinja.python.Value.Undefined;
import dev.questspark.engine.jinja.python.Value.View;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import java.util.function.IntPredicate;

/** Python's str() and repr(), and its white space. */
public final class Text {
  /** Digits above which Python refuses to write an int. */
  private static final int MAX_DIGITS = 4300;

  private Text() {}

  public static String str(Object value) {
    String text = Python.text(value);
    if (text != null) {
      return text;
    }
    return value instanceof Undefined ? "" : repr(value);
  }

  public static String repr(Object value) {
    if (value == null) {
      return "None";
    }
    if (value instanceof Boolean flag) {
      return flag ? "True" : "False";
    }
    if (value instanceof BigInteger number) {
      return integer(number);
    }
    if (value instanceof Double number) {
      return real(number);
    }
    if (value instanceof String text) {
      return quoted(text);
    }
    if (value instanceof Markup markup) {
      return "Markup(" + quoted(markup.text()) + ")";
    }
    if (value instanceof Undefined) {
      return "Undefined";
    }
    if (value instanceof Dict dict) {
      return dict(dict);
    }
    if (value instanceof Namespace namespace) {
      return "<Namespace " + dict(namespace.attributes()) + ">";
    }
    if (value instanceof Range range) {
      String step = range.step() == 1 ? "" : ", " + range.step();
      return "range(" + range.start() + ", " + range.stop() + step + ")";
    }
    if (value instanceof List<?> list) {
      return items("[", list, "]");
    }
    if (value instanceof Tuple tuple) {
      return items("(", tuple.items(), tuple.items().size() == 1 ? ",)" : ")");
    }
    if (value instanceof View view) {
      return view.kind() + "(" + items("[", Python.list(view), "]") + ")";
    }
    if (value instanceof Attributed object) {
      return object.describe();
    }
    throw new JinjaException(
        "a value of type " + Python.type(value) + " cannot be printed; is |list or () missing?");
  }

  private static String dict(Dict dict) {
    StringJoiner joined = new StringJoiner(", ", "{", "}");
    for (Map.Entry<Object, Object> entry : dict.entries()) {
      joined.add(repr(entry.getKey()) + ": " + repr(entry.getValue()));
    }
    return joined.toString();
  }

  private static String items(String open, List<?> items, String close) {
    StringJoiner joined = new StringJoiner(", ", open, close);
    items.forEach(item -> joined.add(repr(item)));
    return joined.toString();
  }

  static String integer(BigInteger number) {
    String digits = number.toString();
    if (digits.length() - (number.signum() < 0 ? 1 : 0) > MAX_DIGITS) {
      throw new JinjaException("an int of more than " + MAX_DIGITS + " digits cannot be printed");
    }
    return digits;
  }

  /** The shortest decimal that reads back as the same float. */
  static String real(double value) {
    if (Double.isNaN(value)) {
      return "nan";
    }
    if (Double.isInfinite(value)) {
      return value > 0 ? "inf" : "-inf";
    }
    String sign = Double.doubleToRawLongBits(value) < 0 ? "-" : "";
    if (value == 0) {
      return sign + "0.0";
    }
    BigDecimal shortest = shortest(Math.abs(value));
    String digits = shortest.unscaledValue().toString();
    int exponent = digits.length() - 1 - shortest.scale();
    if (exponent < -4 || exponent >= 16) {
      String fraction = digits.length() > 1 ? "." + digits.substring(1) : "";
      return sign + digits.charAt(0) + fraction + "e" + exponent(exponent);
    }
    String plain = shortest.toPlainString();
    return sign + (plain.indexOf('.') < 0 ? plain + ".0" : plain);
  }

  static String exponent(int exponent) {
    return (exponent < 0 ? "-" : "+") + (Math.abs(exponent) < 10 ? "0" : "") + Math.abs(exponent);
  }

  private static BigDecimal shortest(double value) {
    BigDecimal exact = new BigDecimal(value);
    for (int digits = 1; digits < 17; digits++) {
      BigDecimal rounded = exact.round(new MathContext(digits, RoundingMode.HALF_EVEN));
      if (rounded.doubleValue() == value) {
        return rounded.stripTrailingZeros();
      }
    }
    return exact.round(new MathContext(17, RoundingMode.HALF_EVEN)).stripTrailingZeros();
  }

  private static String quoted(String text) {
    char quote = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
    StringBuilder out = new StringBuilder().append(quote);
    text.codePoints()
        .forEach(
            c -> {
              if (c == quote || c == '\\') {
                out.append('\\').appendCodePoint(c);
              } else if (c == '\n' || c == '\r' || c == '\t') {
                out.append(c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
              } else if (isPrintable(c)) {
                out.appendCodePoint(c);
              } else {
                out.append(escaped(c));
              }
            });
    return out.append(quote).toString();
  }

  private static String escaped(int codePoint) {
    return codePoint < 0x100
        ? "\\x%02x".formatted(codePoint)
        : codePoint < 0x10000 ? "\\u%04x".formatted(codePoint) : "\\U%08x".formatted(codePoint);
  }

  static boolean isPrintable(int codePoint) {
    return codePoint == ' '
        || switch (Character.getType(codePoint)) {
          case Character.CONTROL,
              Character.FORMAT,
              Character.SURROGATE,
              Character.PRIVATE_USE,
              Character.UNASSIGNED,
              Character.LINE_SEPARATOR,
              Character.PARAGRAPH_SEPARATOR,
              Character.SPACE_SEPARATOR ->
              false;
          default -> true;
        };
  }

  /** Python's str.isspace, which also is what its regular expressions call \s. */
  public static boolean isSpace(int codePoint) {
    return codePoint >= 9 && codePoint <= 13
        || codePoint >= 0x1c && codePoint <= 0x20
        || codePoint == 0x85
        || Character.getType(codePoint) == Character.SPACE_SEPARATOR
        || codePoint == 0x2028
        || codePoint == 0x2029;
  }

  public static String strip(String text) {
    return strip(text, null, true, true);
  }

  /** Removes white space, or any of {@code characters}, from the ends. */
  public static String strip(String text, String characters, boolean left, boolean right) {
    IntPredicate stripped = characters == null ? Text::isSpace : c -> characters.indexOf(c) >= 0;
    int from = 0;
    int to = text.length();
    while (left && from < to && stripped.test(text.codePointAt(from))) {
      from += Character.charCount(text.codePointAt(from));
    }
    while (right && to > from && stripped.test(text.codePointBefore(to))) {
      to -= Character.charCount(text.codePointBefore(to));
    }
    return text.substring(from, to);
  }

  /** Escapes what HTML gives a meaning; escaped text stays as it is. */
  public static Markup escape(Object value) {
    if (value instanceof Markup markup) {
      return markup;
    }
    String text = str(value);
    return new Markup(
        text.replace("&", "&amp;")
            .replace(">", "&gt;")
            .replace("<", "&lt;")
            .replace("'", "&#39;")
            .replace("\"", "&#34;"));
  }
}
