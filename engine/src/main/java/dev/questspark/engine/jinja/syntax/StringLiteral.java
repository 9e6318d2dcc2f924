package dev.questspark.engine.jinja.syntax;

import dev.questspark.engine.jinja.failure.JinjaException;

/**
 * A string literal with Python's escapes.
 *
 * @param value what it means
 * @param end just past its closing quote
 */
record StringLiteral(String value, int end) {

  /** Reads the literal whose opening quote stands at {@code start}. */
  static StringLiteral read(String source, int start, int line) {
    char quote = source.charAt(start);
    StringBuilder value = new StringBuilder();
    int i = start + 1;
    while (i < source.length() && source.charAt(i) != quote) {
      if (source.charAt(i) != '\\') {
        value.append(source.charAt(i++));
      } else if (i + 1 < source.length()) {
        i = escape(source, i + 1, value, line);
      } else {
        break;
      }
    }
    if (i >= source.length() || source.charAt(i) != quote) {
      throw JinjaException.atLine(line, "the string is never closed; add " + quote);
    }
    return new StringLiteral(value.toString(), i + 1);
  }

  /** Appends the escape whose letter stands at {@code i}; returns the position past it. */
  private static int escape(String source, int i, StringBuilder value, int line) {
    char c = source.charAt(i);
    int simple = "\\'\"abfnrtv".indexOf(c);
    if (simple >= 0) {
      value.append("\\'\"\u0007\b\f\n\r\t\u000b".charAt(simple));
      return i + 1;
    }
    if (c >= '0' && c <= '7') {
      int end = i + 1;
      while (end < i + 3
          && end < source.length()
          && source.charAt(end) >= '0'
          && source.charAt(end) <= '7') {
        end++;
      }
      value.append((char) Integer.parseInt(source.substring(i, end), 8));
      return end;
    }
    if (c == 'N' && source.startsWith("{", i + 1) && source.indexOf('}', i) > 0) {
      int end = source.indexOf('}', i);
      try {
        value.appendCodePoint(Character.codePointOf(source.substring(i + 2, end)));
      } catch (IllegalArgumentException e) {
        throw JinjaException.atLine(
            line, "unknown character name in \\" + source.substring(i, end + 1));
      }
      return end + 1;
    }
    int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits > 0) {
      value.appendCodePoint(hex(source, i, digits, line));
      return i + 1 + digits;
    }
    if (c > 127) { // Python writes the character as an escape of its own and reads the backslash
      // twice
      int codePoint = source.codePointAt(i);
      value.append(
          codePoint < 256
              ? "\\x%02x".formatted(codePoint)
              : codePoint < 0x10000
                  ? "\\u%04x".formatted(codePoint)
                  : "\\U%08x".formatted(codePoint));
      return i + Character.charCount(codePoint);
    }
    if (c != '\n') { // a newline is continued on the next line; other letters have no meaning
      value.append('\\').append(c);
    }
    return i + 1;
  }

  private static int hex(String source, int i, int digits, int line) {
    int end = Math.min(source.length(), i + 1 + digits);
    String text = source.substring(i + 1, end);
    boolean valid =
        text.length() == digits
            && text.chars().allMatch(d -> d < 128 && Character.digit(d, 16) >= 0);
    long codePoint = valid ? Long.parseLong(text, 16) : -1;
    if (codePoint < 0 || codePoint > Character.MAX_CODE_POINT) {
      throw JinjaException.atLine(
          line, "truncated or unknown escape \\" + source.substring(i, end));
    }
    if (codePoint >= 0xD800 && codePoint < 0xE000) {
      throw JinjaException.atLine(
          line,
          "\\" + source.substring(i, end) + " is half of a character; write \\U and eight digits");
    }
    return (int) codePoint;
  }
}
