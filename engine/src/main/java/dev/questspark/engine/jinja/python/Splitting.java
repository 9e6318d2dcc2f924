package dev.questspark.engine.jinja.python;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.python.Value.Tuple;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** How Python's strings are cut into parts. */
public final class Splitting {
  private Splitting() {}

  /** Parts between separators, at most {@code most} cuts unless negative; null cuts at blanks. */
  public static List<Object> split(String text, String separator, int most) {
    int left = most < 0 ? Integer.MAX_VALUE : most;
    List<Object> parts = new ArrayList<>();
    if (separator == null) {
      int i = skip(text, 0, true);
      while (i < text.length()) {
        if (left-- == 0) {
          parts.add(text.substring(i));
          return parts;
        }
        int end = skip(text, i, false);
        parts.add(text.substring(i, end));
        i = skip(text, end, true);
      }
      return parts;
    }
    checkSeparator(separator);
    int from = 0;
    for (int at = text.indexOf(separator);
        at >= 0 && left > 0;
        at = text.indexOf(separator, from), left--) {
      parts.add(text.substring(from, at));
      from = at + separator.length();
    }
    parts.add(text.substring(from));
    return parts;
  }

  /** As {@link #split}, cutting from the end. */
  static List<Object> rsplit(String text, String separator, int most) {
    int left = most < 0 ? Integer.MAX_VALUE : most;
    List<Object> parts = new ArrayList<>();
    int to = text.length();
    if (separator == null) {
      to = Text.strip(text, null, false, true).length();
      while (to > 0) {
        if (left-- == 0) {
          parts.add(text.substring(0, to));
          break;
        }
        int start = to;
        while (start > 0 && !Text.isSpace(text.charAt(start - 1))) {
          start--;
        }
        parts.add(text.substring(start, to));
        to = Text.strip(text.substring(0, start), null, false, true).length();
      }
    } else {
      checkSeparator(separator);
      for (int at = text.lastIndexOf(separator); at >= 0 && left > 0; left--) {
        parts.add(text.substring(at + separator.length(), to));
        to = at;
        at = at < separator.length() ? -1 : text.lastIndexOf(separator, at - separator.length());
      }
      parts.add(text.substring(0, to));
    }
    Collections.reverse(parts);
    return parts;
  }

  private static void checkSeparator(String separator) {
    if (separator.isEmpty()) {
      throw new JinjaException("the separator is empty");
    }
  }

  private static int skip(String text, int from, boolean blanks) {
    int i = from;
    while (i < text.length() && Text.isSpace(text.charAt(i)) == blanks) {
      i++;
    }
    return i;
  }

  static Tuple partition(String text, String separator, boolean last) {
    checkSeparator(separator);
    int at = last ? text.lastIndexOf(separator) : text.indexOf(separator);
    if (at < 0) {
      return last ? Tuple.of("", "", text) : Tuple.of(text, "", "");
    }
    return Tuple.of(text.substring(0, at), separator, text.substring(at + separator.length()));
  }

  /** Lines, at every line boundary that Python knows. */
  public static List<String> lines(String text, boolean keepEnds) {
    List<String> lines = new ArrayList<>();
    int from = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c >= '\n' && c <= '\r'
          || c >= 0x1c && c <= 0x1e
          || c == 0x85
          || c == 0x2028
          || c == 0x2029) {
        int end = c == '\r' && text.startsWith("\n", i + 1) ? i + 2 : i + 1;
        lines.add(text.substring(from, keepEnds ? end : i));
        from = end;
        i = end - 1;
      }
    }
    if (from < text.length()) {
      lines.add(text.substring(from));
    }
    return lines;
  }

  static String expandTabs(String text, int size) {
    StringBuilder out = new StringBuilder();
    int column = 0;
    for (int c : text.codePoints().toArray()) {
      if (c == '\t') {
        int blanks = size > 0 ? size - column % size : 0;
        out.append(" ".repeat(blanks));
        column += blanks;
        Python.checkSize(out.length());
      } else {
        out.appendCodePoint(c);
        column = c == '\n' || c == '\r' ? 0 : column + 1;
      }
    }
    return out.toString();
  }
}
