package dev.questspark.engine.tokens;

import java.util.regex.Pattern;

/**
 * Rewrites a Jinja2 template so that jinjava renders it as Jinja2 does.
 *
 * <p>White space is settled here: {@code trim_blocks} (a newline after a block goes), {@code
 * lstrip_blocks} (blanks before a block on its own line go), the marks {@code -} and {@code +}, and
 * the template's last newline; jinjava also strips blanks between two blocks of one line, and
 * newlines of the output. Expressions go through {@link PythonExpressions}.
 */
final class JinjaSource {
  /** Marks that transformers adds to Jinja2 for training; they print nothing. */
  private static final Pattern TRAINING_TAG =
      Pattern.compile("\\{%[-+]?\\s*(end)?generation\\s*[-+]?%}");

  private final String template;
  private final StringBuilder out = new StringBuilder();
  private int at;

  /** Length of {@link #out} up to the last tag: what later tags may not strip. */
  private int stripFrom;

  private JinjaSource(String template) {
    this.template = template;
  }

  /** The template for jinjava, without comments and marks. */
  static String forJinjava(String template) {
    String text = template.replace("\r\n", "\n");
    text = text.endsWith("\n") ? text.substring(0, text.length() - 1) : text;
    return new JinjaSource(text).run();
  }

  private String run() {
    int start = nextTag();
    while (start < template.length()) {
      out.append(template, at, start);
      char kind = template.charAt(start + 1);
      int end = endOfTag(start, kind);
      tag(start, end, kind);
      if (kind == '%'
          && template.substring(start, end).matches("(?s)\\{%[-+]?\\s*raw\\s*[-+]?%}")) {
        raw();
      }
      start = nextTag();
    }
    return out.append(template, at, template.length()).toString();
  }

  private int nextTag() {
    for (int i = at; i + 1 < template.length(); i++) {
      if (template.charAt(i) == '{' && "%{#".indexOf(template.charAt(i + 1)) >= 0) {
        return i;
      }
    }
    return template.length();
  }

  /** Just past the tag's closing braces; braces within its strings do not count. */
  private int endOfTag(int start, char kind) {
    String close = kind == '{' ? "}}" : kind + "}";
    char quote = 0;
    int depth = 0;
    for (int i = start + 2; i + 1 < template.length(); i++) {
      char c = template.charAt(i);
      if (kind != '#' && quote != 0) {
        i += c == '\\' ? 1 : 0;
        quote = c == quote ? 0 : quote;
      } else if (kind != '#' && (c == '\'' || c == '"')) {
        quote = c;
      } else if (depth == 0 && template.startsWith(close, i)) {
        return i + 2;
      } else if (kind == '{' && c == '{') { // a dict within an expression
        depth++;
      } else if (kind == '{' && c == '}') {
        depth--;
      }
    }
    return template.length(); // never closed; jinjava says so
  }

  private void tag(int start, int end, char kind) {
    int from = start + 2;
    int to = Math.max(from, end - 2);
    char first = from < to ? template.charAt(from) : 0;
    char last = from < to ? template.charAt(to - 1) : 0;
    if (first == '-') {
      stripBlanksAndNewlines();
    } else if (kind != '{' && first != '+') {
      stripLine(start);
    }
    if (kind != '#' && !TRAINING_TAG.matcher(template.substring(start, end)).matches()) {
      int trimmedFrom = from + (first == '-' || first == '+' ? 1 : 0);
      int trimmedTo = to - (to - from > 1 && (last == '-' || last == '+') ? 1 : 0);
      out.append('{').append(kind);
      out.append(PythonExpressions.explicit(template.substring(trimmedFrom, trimmedTo)));
      out.append(template, to, end);
    }
    stripFrom = out.length();
    at = end;
    if (last == '-') {
      while (at < template.length() && Character.isWhitespace(template.charAt(at))) {
        at++;
      }
    } else if (kind != '{'
        && last != '+'
        && at < template.length()
        && template.charAt(at) == '\n') {
      at++;
    }
  }

  /** Copies what stands between raw and endraw as it is. */
  private void raw() {
    int end = template.indexOf("{%", at);
    while (end >= 0 && !template.substring(end).matches("(?s)\\{%[-+]?\\s*endraw\\s*[-+]?%}.*")) {
      end = template.indexOf("{%", end + 2);
    }
    if (end >= 0) {
      out.append(template, at, end);
      at = end;
      tag(end, endOfTag(end, '%'), '%');
    }
  }

  private void stripBlanksAndNewlines() {
    int length = out.length();
    while (length > stripFrom && Character.isWhitespace(out.charAt(length - 1))) {
      length--;
    }
    out.setLength(length);
  }

  /** Drops blanks before a tag if nothing else stands before it on its line of the template. */
  private void stripLine(int start) {
    int line = start;
    while (line > 0 && template.charAt(line - 1) != '\n') {
      line--;
      if (!Character.isWhitespace(template.charAt(line))) {
        return;
      }
    }
    int length = out.length();
    while (length > stripFrom && out.charAt(length - 1) != '\n') {
      length--;
    }
    out.setLength(length);
  }
}
