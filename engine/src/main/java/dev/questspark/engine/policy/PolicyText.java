package dev.questspark.engine.policy;

import dev.questspark.engine.failure.ConfigException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A policy's text, taken apart: {@code name} or {@code name(argument, argument)}, white space free.
 *
 * @param arguments in the order of the text; a policy inside is one argument, parentheses and all
 */
public record PolicyText(String name, List<Argument> arguments) {
  private static final Pattern WHOLE = Pattern.compile("(\\w+)\\s*(?:\\((.*)\\))?", Pattern.DOTALL);
  private static final Pattern NAMED = Pattern.compile("(\\w+)\\s*=(.*)", Pattern.DOTALL);

  /**
   * One argument.
   *
   * @param name empty when the text has none
   */
  public record Argument(String name, String value) {}

  /**
   * Takes a text apart.
   *
   * @param kind what the text is to name, for the message
   * @throws ConfigException when it has another form
   */
  static PolicyText of(String kind, String text) {
    Matcher whole = WHOLE.matcher(text.strip());
    if (!whole.matches()) {
      throw malformed(kind, text);
    }
    List<Argument> arguments = new ArrayList<>();
    String inside = whole.group(2);
    if (inside != null && !inside.isBlank()) {
      for (String part : split(kind, inside, ',')) {
        Matcher named = NAMED.matcher(part);
        Argument argument =
            named.matches()
                ? new Argument(named.group(1), named.group(2).strip())
                : new Argument("", part);
        if (argument.value().isEmpty()) {
          throw malformed(kind, text);
        }
        arguments.add(argument);
      }
    }
    return new PolicyText(whole.group(1), arguments);
  }

  /**
   * The parts of a text between separators that stand in no parentheses, white space stripped.
   *
   * @throws ConfigException when parentheses do not match
   */
  public static List<String> split(String kind, String text, char separator) {
    List<String> parts = new ArrayList<>();
    int depth = 0;
    int from = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      depth += c == '(' ? 1 : c == ')' ? -1 : 0;
      if (depth < 0) {
        throw malformed(kind, text);
      }
      if (c == separator && depth == 0) {
        parts.add(text.substring(from, i).strip());
        from = i + 1;
      }
    }
    if (depth > 0) {
      throw malformed(kind, text);
    }
    parts.add(text.substring(from).strip());
    return parts;
  }

  private static ConfigException malformed(String kind, String text) {
    return new ConfigException(
        kind + " '" + text.strip() + "' cannot be read; write name(parameter=value, ...)");
  }
}
