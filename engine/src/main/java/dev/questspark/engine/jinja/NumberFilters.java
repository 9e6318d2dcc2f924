package dev.questspark.engine.jinja;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.python.Operators;
import dev.questspark.engine.jinja.python.Python;
import dev.questspark.engine.jinja.python.Text;
import dev.questspark.engine.jinja.python.Value.Undefined;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

/** Filters that make numbers. */
final class NumberFilters {
  private static final Pattern REAL =
      Pattern.compile("[+-]?(\\d++\\.?+\\d*+|\\.\\d++)([eE][+-]?\\d++)?+");

  private NumberFilters() {}

  static void define(Map<String, Filters.Filter> to) {
    Filters.define(to, "abs(x, /)", a -> abs(a[0]));
    Filters.define(to, "int(value, default=0, base=10)", NumberFilters::toInt);
    Filters.define(
        to,
        "float(value, default=0.0)",
        a -> {
          Double number = real(a[0]);
          return number == null ? a[1] : (Object) number;
        });
    Filters.define(to, "round(value, precision=0, method='common')", NumberFilters::round);
  }

  private static Object abs(Object value) {
    if (value instanceof Double number) {
      return Math.abs(number);
    }
    return Python.index(value).abs();
  }

  /** What float() makes of a value; null if it is no number. */
  private static Double real(Object value) {
    if (value instanceof Undefined undefined) {
      throw undefined.failure();
    }
    if (Operators.isNumber(value)) {
      return Operators.toDouble(value);
    }
    if (!Python.isText(value)) {
      return null;
    }
    String text = plainDigits(Text.strip(Python.text(value)));
    if (text == null) {
      return null;
    }
    String name = text.toLowerCase(Locale.ROOT).substring(isSigned(text) ? 1 : 0);
    if (name.equals("nan") || name.equals("inf") || name.equals("infinity")) {
      double size = name.equals("nan") ? Double.NaN : Double.POSITIVE_INFINITY;
      return text.startsWith("-") ? -size : size;
    }
    return REAL.matcher(text).matches() ? Double.valueOf(text) : null;
  }

  /**
   * Digits of any script as ASCII, without underscores between digits; null if one stands wrong.
   */
  private static String plainDigits(String text) {
    StringBuilder out = new StringBuilder();
    int[] c = text.codePoints().toArray();
    for (int i = 0; i < c.length; i++) {
      boolean between =
          c[i] == '_'
              && i > 0
              && i + 1 < c.length
              && Character.isDigit(c[i - 1])
              && Character.isDigit(c[i + 1]);
      if (c[i] == '_' && !between) {
        return null;
      }
      if (Character.isDigit(c[i])) {
        out.append(Character.digit(c[i], 10));
      } else if (c[i] != '_') {
        out.appendCodePoint(c[i]);
      }
    }
    return out.toString();
  }

  private static Object toInt(Object[] a) {
    Object value = a[0];
    if (value instanceof Undefined undefined) {
      throw undefined.failure();
    }
    if (Operators.isInteger(value)) {
      return Python.index(value);
    }
    if (Python.isText(value)) {
      BigInteger number = parse(Text.strip(Python.text(value)), Python.count(a[2]));
      if (number != null) {
        return number;
      }
    }
    Double number = real(value);
    if (number == null || number.isNaN() || number.isInfinite()) {
      return a[1];
    }
    return new BigDecimal(number).toBigInteger();
  }

  private static boolean isSigned(String text) {
    return text.startsWith("-") || text.startsWith("+");
  }

  private static BigInteger parse(String text, int base) {
    if (base != 0 && (base < 2 || base > 36)) {
      return null;
    }
    String digits = text.substring(isSigned(text) ? 1 : 0).toLowerCase(Locale.ROOT);
    int radix =
        digits.startsWith("0x")
            ? 16
            : digits.startsWith("0o") ? 8 : digits.startsWith("0b") ? 2 : 10;
    boolean prefixed = radix != 10 && (base == 0 || base == radix);
    if (prefixed) {
      digits = digits.substring(digits.startsWith("_", 2) ? 3 : 2);
    } else if (base == 0
        && digits.startsWith("0")
        && !digits.chars().allMatch(c -> c == '0' || c == '_')) {
      return null;
    }
    int real = base == 0 ? radix : base;
    StringBuilder plain = new StringBuilder(text.startsWith("-") ? "-" : "");
    int[] c = digits.codePoints().toArray();
    for (int i = 0; i < c.length; i++) {
      boolean between =
          c[i] == '_' && i > 0 && i + 1 < c.length && c[i - 1] != '_' && c[i + 1] != '_';
      int digit = Character.digit(c[i], real);
      if (!between && digit < 0) {
        return null;
      }
      plain.append(between ? "" : Character.toString(Character.forDigit(digit, real)));
    }
    return c.length == 0 || c.length > 4300 && Integer.bitCount(real) != 1
        ? null
        : new BigInteger(plain.toString(), real);
  }

  private static Object round(Object[] a) {
    String method = Python.isText(a[2]) ? Python.text(a[2]) : "";
    if (a[0] instanceof Undefined undefined) {
      throw undefined.failure();
    }
    if (!Operators.isNumber(a[0])) {
      throw new JinjaException("round needs a number, not a value of type " + Python.type(a[0]));
    }
    int precision = a[1] == null ? 0 : Python.count(a[1]);
    if (Math.abs(precision) > 400) {
      throw new JinjaException("round to " + precision + " places is not supported");
    }
    if (method.equals("common")) {
      return a[1] == null && a[0] instanceof Double number
          ? whole(number, RoundingMode.HALF_EVEN)
          : rounded(a[0], precision);
    }
    if (!method.equals("ceil") && !method.equals("floor")) {
      throw new JinjaException("the method of round must be common, ceil or floor");
    }
    Object power = Operators.binary("**", BigInteger.TEN, BigInteger.valueOf(precision));
    Object scaled = Operators.binary("*", a[0], power);
    Object whole =
        scaled instanceof Double number
            ? whole(number, method.equals("ceil") ? RoundingMode.CEILING : RoundingMode.FLOOR)
            : scaled;
    return Operators.binary("/", whole, power);
  }

  private static BigInteger whole(Double number, RoundingMode mode) {
    if (number.isNaN() || number.isInfinite()) {
      throw new JinjaException("a number that is not finite cannot be rounded");
    }
    return new BigDecimal(number).setScale(0, mode).toBigInteger();
  }

  private static Object rounded(Object value, int precision) {
    if (value instanceof Double number) {
      if (number.isNaN() || number.isInfinite()) {
        return number;
      }
      double rounded =
          new BigDecimal(number).setScale(precision, RoundingMode.HALF_EVEN).doubleValue();
      return rounded == 0 ? Math.copySign(0.0, number) : rounded;
    }
    BigInteger number = Python.index(value);
    return precision >= 0
        ? number
        : new BigDecimal(number).setScale(precision, RoundingMode.HALF_EVEN).toBigInteger();
  }
}
