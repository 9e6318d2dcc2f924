package dev.questspark.engine.jinja.python;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.python.Value.Undefined;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Locale;

/** Python's format specification: {@code [[fill]align][sign][#][0][width][,][.precision][type]}. */
final class FormatSpec {
  String fill = " ";
  char align;
  char sign = '-';
  boolean alternate;
  boolean zero;
  int width;
  String grouping = "";
  int precision = -1;
  char type;

  static FormatSpec parse(String text) {
    FormatSpec spec = new FormatSpec();
    int i = 0;
    int first = text.isEmpty() ? 0 : Character.charCount(text.codePointAt(0));
    if (text.length() > first && "<>=^".indexOf(text.charAt(first)) >= 0) {
      spec.fill = text.substring(0, first);
      spec.align = text.charAt(first);
      i = first + 1;
    } else if (!text.isEmpty() && "<>=^".indexOf(text.charAt(0)) >= 0) {
      spec.align = text.charAt(0);
      i = 1;
    }
    if (i < text.length() && "+- ".indexOf(text.charAt(i)) >= 0) {
      spec.sign = text.charAt(i++);
    }
    if (i < text.length() && text.charAt(i) == '#') {
      spec.alternate = true;
      i++;
    }
    if (i < text.length() && text.charAt(i) == '0') {
      spec.zero = true;
      i++;
    }
    int digits = digits(text, i);
    spec.width = digits > i ? Python.count(new BigInteger(text.substring(i, digits))) : 0;
    i = digits;
    if (i < text.length() && ",_".indexOf(text.charAt(i)) >= 0) {
      spec.grouping = text.substring(i, ++i);
    }
    if (i < text.length() && text.charAt(i) == '.') {
      digits = digits(text, ++i);
      if (digits == i) {
        throw new JinjaException("the format specification '" + text + "' lacks a precision");
      }
      spec.precision = Python.count(new BigInteger(text.substring(i, digits)));
      i = digits;
    }
    if (i < text.length()) {
      spec.type = text.charAt(i++);
    }
    if (i < text.length()) {
      throw new JinjaException("the format specification '" + text + "' is not valid");
    }
    return spec;
  }

  private static int digits(String text, int from) {
    int i = from;
    while (i < text.length() && text.charAt(i) >= '0' && text.charAt(i) <= '9') {
      i++;
    }
    return i;
  }

  /** A value as {@code format(value, spec)} writes it. */
  String any(Object value) {
    boolean plain =
        type == 0
            && precision < 0
            && width == 0
            && sign == '-'
            && !alternate
            && grouping.isEmpty()
            && align == 0
            && !zero;
    if (plain) {
      return Text.str(value);
    }
    if (value instanceof Double number) {
      return real(number);
    }
    if (Operators.isInteger(value)) {
      if ("eEfFgG%".indexOf(type) >= 0) {
        return real(Operators.toDouble(value));
      }
      if (precision >= 0) {
        throw new JinjaException("an int has no precision in a format");
      }
      return integer(Python.index(value), false);
    }
    if (!Python.isText(value) && !(value instanceof Undefined)) {
      throw new JinjaException(
          "a value of type " + Python.type(value) + " takes no format specification");
    }
    if (value instanceof Undefined
        || sign != '-'
        || alternate
        || !grouping.isEmpty()
        || align == '='
        || type != 0 && type != 's') {
      throw new JinjaException("a string takes no such format specification");
    }
    if (zero && align == 0) {
      fill = "0";
    }
    align = align == 0 ? '<' : align;
    zero = false;
    return text(Python.text(value));
  }

  /** A text cut to the precision and padded. */
  String text(String text) {
    int length = text.codePointCount(0, text.length());
    String cut =
        precision >= 0 && precision < length
            ? text.substring(0, text.offsetByCodePoints(0, precision))
            : text;
    return padded("", cut);
  }

  private String padded(String prefix, String digits) {
    int missing = width - digits.codePointCount(0, digits.length()) - prefix.length();
    if (missing <= 0) {
      return prefix + digits;
    }
    Python.checkSize(width);
    char side = align == 0 ? (zero ? '=' : '>') : align;
    String padding =
        (zero && fill.equals(" ") && (align == 0 || align == '=') ? "0" : fill).repeat(missing);
    int left = missing / 2;
    return switch (side) {
      case '<' -> prefix + digits + padding;
      case '=' -> prefix + padding + digits;
      case '^' -> fill.repeat(left) + prefix + digits + fill.repeat(missing - left);
      default -> padding + prefix + digits;
    };
  }

  private String signed(boolean negative) {
    return negative ? "-" : sign == '-' ? "" : Character.toString(sign);
  }

  /** An int; {@code percent} counts the precision as the least number of digits. */
  String integer(BigInteger number, boolean percent) {
    int radix =
        switch (type) {
          case 'x', 'X' -> 16;
          case 'o' -> 8;
          case 'b' -> 2;
          case 0, 'd' -> 10;
          default -> throw new JinjaException("an int has no format '" + type + "'");
        };
    String digits = radix == 10 ? Text.integer(number.abs()) : number.abs().toString(radix);
    digits = type == 'X' ? digits.toUpperCase(Locale.ROOT) : digits;
    if (percent && digits.length() < precision) {
      Python.checkSize(precision);
      digits = "0".repeat(precision - digits.length()) + digits;
    }
    String prefix = signed(number.signum() < 0) + (alternate && radix != 10 ? "0" + type : "");
    int group = grouping.equals("_") && radix != 10 ? 4 : 3;
    return number(prefix, digits, "", group);
  }

  private String number(String prefix, String digits, String rest, int group) {
    if (grouping.isEmpty()) {
      return padded(prefix, digits + rest);
    }
    boolean zeros = zero && align == 0 || align == '=' && fill.equals("0");
    String grouped = grouped(digits, group);
    while (zeros && prefix.length() + grouped.length() + rest.length() < width) {
      digits = "0" + digits;
      grouped = grouped(digits, group);
      Python.checkSize(width);
    }
    return padded(prefix, grouped + rest);
  }

  private String grouped(String digits, int group) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < digits.length(); i++) {
      out.append(i > 0 && (digits.length() - i) % group == 0 ? grouping : "")
          .append(digits.charAt(i));
    }
    return out.toString();
  }

  /** A float. */
  String real(double number) {
    boolean negative = Double.doubleToRawLongBits(number) < 0 && !Double.isNaN(number);
    String prefix = signed(negative);
    double value = Math.abs(number);
    boolean upper = type == 'E' || type == 'F' || type == 'G';
    if (Double.isNaN(value) || Double.isInfinite(value)) {
      String name = (Double.isNaN(value) ? "nan" : "inf") + (type == '%' ? "%" : "");
      return padded(prefix, upper ? name.toUpperCase(Locale.ROOT) : name);
    }
    Python.checkSize(precision);
    int digits = precision < 0 ? 6 : precision;
    String text =
        switch (type) {
          case 'f', 'F' -> fixed(new BigDecimal(value), digits);
          case '%' -> fixed(new BigDecimal(value * 100), digits) + "%";
          case 'e', 'E' -> scientific(new BigDecimal(value), digits);
          case 'g', 'G' -> general(value, Math.max(1, digits), false);
          case 0 -> precision < 0 ? Text.real(value) : general(value, Math.max(1, digits), true);
          default -> throw new JinjaException("a float has no format '" + type + "'");
        };
    text = upper ? text.toUpperCase(Locale.ROOT) : text;
    int end = digits(text, 0);
    return number(prefix, text.substring(0, end), text.substring(end), 3);
  }

  private String fixed(BigDecimal value, int digits) {
    return value.setScale(digits, RoundingMode.HALF_EVEN).toPlainString()
        + (digits == 0 && alternate ? "." : "");
  }

  private String scientific(BigDecimal value, int digits) {
    BigDecimal rounded = value.round(new MathContext(digits + 1, RoundingMode.HALF_EVEN));
    String unscaled = rounded.unscaledValue().toString();
    int exponent = rounded.signum() == 0 ? 0 : unscaled.length() - 1 - rounded.scale();
    String all = rounded.signum() == 0 ? "0".repeat(digits + 1) : unscaled;
    all =
        all.length() < digits + 1
            ? all + "0".repeat(digits + 1 - all.length())
            : all.substring(0, digits + 1);
    String fraction = digits > 0 ? "." + all.substring(1) : alternate ? "." : "";
    return all.charAt(0) + fraction + "e" + Text.exponent(exponent);
  }

  /** As C's {@code %g}; {@code point} keeps a fraction, as Python does without a type. */
  private String general(double value, int digits, boolean point) {
    String scientific = scientific(new BigDecimal(value), digits - 1);
    int e = scientific.indexOf('e');
    int exponent = Integer.parseInt(scientific.substring(e + 1));
    if (exponent < -4 || exponent >= digits - (point ? 1 : 0)) {
      return trimmed(scientific.substring(0, e)) + scientific.substring(e);
    }
    String fixed = trimmed(fixed(new BigDecimal(value), Math.max(0, digits - 1 - exponent)));
    return point && fixed.indexOf('.') < 0 ? fixed + ".0" : fixed;
  }

  private String trimmed(String number) {
    if (alternate || number.indexOf('.') < 0) {
      return number;
    }
    int end = number.length();
    while (number.charAt(end - 1) == '0') {
      end--;
    }
    return number.substring(0, number.charAt(end - 1) == '.' ? end - 1 : end);
  }
}
