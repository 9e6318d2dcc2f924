package dev.questspark.engine.jinja.syntax;

import dev.questspark.engine.jinja.failure.JinjaException;
import java.math.BigInteger;

/**
 * A number literal, as Python writes them.
 *
 * @param value a BigInteger or a Double
 * @param end just past its last digit
 */
record NumberLiteral(Object value, int end) {

  /** Reads the literal whose first digit stands at {@code from}. */
  static NumberLiteral read(String source, int from, int line) {
    int radix =
        from + 1 < source.length() && source.charAt(from) == '0'
            ? radix(source.charAt(from + 1))
            : 10;
    int end = radix == 10 ? digits(source, from, 10) : digits(source, from + 2, radix);
    if (radix != 10 && end > from + 2) {
      String digits = source.substring(from + 2, end).replace("_", "");
      return new NumberLiteral(new BigInteger(digits, radix), end);
    }
    end = digits(source, from, 10);
    boolean afterDot = from > 0 && source.charAt(from - 1) == '.'; // of an item: a.1.0
    boolean point = !afterDot && end < source.length() && source.charAt(end) == '.';
    int fraction = point ? digits(source, end + 1, 10) : end;
    int real = fraction > end + 1 ? fraction : end;
    real = afterDot ? real : exponent(source, real);
    String text = source.substring(from, real).replace("_", "");
    if (real == end) {
      return new NumberLiteral(new BigInteger(text), end);
    }
    double value = Double.parseDouble(text);
    if (Double.isInfinite(value)) {
      throw JinjaException.atLine(line, "the number " + text + " is too large");
    }
    return new NumberLiteral(value, real);
  }

  private static int radix(char letter) {
    return switch (letter) {
      case 'x', 'X' -> 16;
      case 'o', 'O' -> 8;
      case 'b', 'B' -> 2;
      default -> 10;
    };
  }

  private static int exponent(String source, int from) {
    if (from < source.length() && (source.charAt(from) | 32) == 'e') {
      boolean signed = from + 1 < source.length() && "+-".indexOf(source.charAt(from + 1)) >= 0;
      int digits = from + (signed ? 2 : 1);
      int end = digits(source, digits, 10);
      return end > digits ? end : from;
    }
    return from;
  }

  /** Past digits that single underscores may part. */
  private static int digits(String source, int from, int radix) {
    int i = from;
    while (i < source.length()) {
      boolean parted = source.charAt(i) == '_' && (i > from || radix != 10);
      int digit = parted ? i + 1 : i;
      if (digit >= source.length()
          || source.charAt(digit) > 127
          || Character.digit(source.charAt(digit), radix) < 0) {
        return i;
      }
      i = digit + 1;
    }
    return i;
  }
}
