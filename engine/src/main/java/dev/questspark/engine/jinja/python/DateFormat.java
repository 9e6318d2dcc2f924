package dev.questspark.engine.jinja.python;

import dev.questspark.engine.jinja.failure.JinjaException;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

/** Python's {@code strftime} in the C locale. */
public final class DateFormat {
  private static final Pattern LEADING_ZEROS = Pattern.compile("^0+(?=\\d)");
  private static final Map<Character, String> PATTERNS =
      Map.ofEntries(
          Map.entry('a', "EEE"),
          Map.entry('A', "EEEE"),
          Map.entry('b', "MMM"),
          Map.entry('h', "MMM"),
          Map.entry('B', "MMMM"),
          Map.entry('d', "dd"),
          Map.entry('H', "HH"),
          Map.entry('I', "hh"),
          Map.entry('j', "DDD"),
          Map.entry('m', "MM"),
          Map.entry('M', "mm"),
          Map.entry('p', "a"),
          Map.entry('S', "ss"),
          Map.entry('f', "SSSSSS"),
          Map.entry('y', "yy"),
          Map.entry('Y', "yyyy"),
          Map.entry('D', "MM/dd/yy"),
          Map.entry('x', "MM/dd/yy"),
          Map.entry('F', "yyyy-MM-dd"),
          Map.entry('T', "HH:mm:ss"),
          Map.entry('X', "HH:mm:ss"),
          Map.entry('R', "HH:mm"));

  private DateFormat() {}

  public static String format(LocalDateTime time, String format) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < format.length(); i++) {
      char c = format.charAt(i);
      if (c != '%' || i + 1 == format.length()) {
        out.append(c);
        continue;
      }
      boolean unpadded = format.charAt(i + 1) == '-' && i + 2 < format.length();
      i += unpadded ? 2 : 1;
      String field = field(time, format.charAt(i));
      out.append(
          unpadded && field.length() > 1 ? LEADING_ZEROS.matcher(field).replaceFirst("") : field);
    }
    return out.toString();
  }

  private static String field(LocalDateTime time, char letter) {
    return switch (letter) {
      case '%' -> "%";
      case 'z', 'Z' -> ""; // a time without a zone
      case 'n' -> "\n";
      case 't' -> "\t";
      case 'e' -> "%2d".formatted(time.getDayOfMonth());
      case 'w' -> Integer.toString(time.getDayOfWeek().getValue() % 7);
      case 'u' -> Integer.toString(time.getDayOfWeek().getValue());
      case 'c' ->
          "%s %2d %s"
              .formatted(
                  pattern(time, "EEE MMM"), time.getDayOfMonth(), pattern(time, "HH:mm:ss yyyy"));
      default -> {
        String pattern = PATTERNS.get(letter);
        if (pattern == null) {
          throw new JinjaException("the date format '%" + letter + "' is not supported");
        }
        yield pattern(time, pattern);
      }
    };
  }

  private static String pattern(LocalDateTime time, String pattern) {
    return time.format(DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH));
  }
}
