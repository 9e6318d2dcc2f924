package dev.questspark.engine.jinja.python;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.python.Arguments.Parameters;
import dev.questspark.engine.jinja.python.Value.Dict;
import dev.questspark.engine.jinja.python.Value.Function;
import dev.questspark.engine.jinja.python.Value.Markup;
import dev.questspark.engine.jinja.python.Value.Tuple;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** The methods of Python's {@code str}; positions and lengths count code points. */
public final class StringMethods {
  private interface Method {
    Object call(String self, Object[] arguments);
  }

  private record Known(Parameters parameters, Method method) {}

  private static final Parameters MAPPING = Parameters.parse("format_map(mapping, /)");
  private static final Set<String> NOT_SUPPORTED =
      Set.of("encode", "translate", "maketrans", "casefold");
  private static final Map<String, Known> METHODS = new HashMap<>();

  static {
    define("strip(chars=None, /)", (s, a) -> Text.strip(s, optional(a[0]), true, true));
    define("lstrip(chars=None, /)", (s, a) -> Text.strip(s, optional(a[0]), true, false));
    define("rstrip(chars=None, /)", (s, a) -> Text.strip(s, optional(a[0]), false, true));
    define(
        "split(sep=None, maxsplit=-1)",
        (s, a) -> Splitting.split(s, optional(a[0]), Python.count(a[1])));
    define(
        "rsplit(sep=None, maxsplit=-1)",
        (s, a) -> Splitting.rsplit(s, optional(a[0]), Python.count(a[1])));
    define(
        "splitlines(keepends=False)",
        (s, a) -> new ArrayList<Object>(Splitting.lines(s, Python.truth(a[0]))));
    define("partition(sep, /)", (s, a) -> Splitting.partition(s, text(a[0]), false));
    define("rpartition(sep, /)", (s, a) -> Splitting.partition(s, text(a[0]), true));
    define("startswith(prefix, start=None, end=None, /)", (s, a) -> affix(s, a, true));
    define("endswith(suffix, start=None, end=None, /)", (s, a) -> affix(s, a, false));
    define("find(sub, start=None, end=None, /)", (s, a) -> find(s, a, false));
    define("rfind(sub, start=None, end=None, /)", (s, a) -> find(s, a, true));
    define("index(sub, start=None, end=None, /)", (s, a) -> found(find(s, a, false)));
    define("rindex(sub, start=None, end=None, /)", (s, a) -> found(find(s, a, true)));
    define("count(sub, start=None, end=None, /)", StringMethods::count);
    define(
        "replace(old, new, count=-1, /)",
        (s, a) -> replace(s, text(a[0]), text(a[1]), Python.count(a[2])));
    define(
        "removeprefix(prefix, /)",
        (s, a) -> s.startsWith(text(a[0])) ? s.substring(text(a[0]).length()) : s);
    define(
        "removesuffix(suffix, /)",
        (s, a) -> s.endsWith(text(a[0])) ? s.substring(0, s.length() - text(a[0]).length()) : s);
    define("join(iterable, /)", (s, a) -> join(s, Python.list(a[0])));
    define("upper()", (s, a) -> s.toUpperCase(Locale.ROOT));
    define("lower()", (s, a) -> s.toLowerCase(Locale.ROOT));
    define("title()", (s, a) -> Casing.title(s));
    define("capitalize()", (s, a) -> Casing.capitalize(s));
    define("swapcase()", (s, a) -> Casing.swap(s));
    define("isupper()", (s, a) -> Casing.isUpper(s));
    define("islower()", (s, a) -> Casing.isLower(s));
    define("istitle()", (s, a) -> Casing.isTitle(s));
    define("isspace()", (s, a) -> all(s, Text::isSpace));
    define("isalpha()", (s, a) -> all(s, Character::isLetter));
    define("isdecimal()", (s, a) -> all(s, Character::isDigit));
    define("isdigit()", (s, a) -> all(s, Casing::isDigit));
    define("isnumeric()", (s, a) -> all(s, Casing::isNumeric));
    define("isalnum()", (s, a) -> all(s, c -> Character.isLetter(c) || Casing.isNumeric(c)));
    define("isascii()", (s, a) -> s.isEmpty() || all(s, c -> c < 128));
    define("isprintable()", (s, a) -> s.isEmpty() || all(s, Text::isPrintable));
    define("isidentifier()", (s, a) -> Casing.isIdentifier(s));
    define("zfill(width, /)", (s, a) -> zfill(s, Python.count(a[0])));
    define("ljust(width, fillchar=' ', /)", (s, a) -> pad(s, a, '<'));
    define("rjust(width, fillchar=' ', /)", (s, a) -> pad(s, a, '>'));
    define("center(width, fillchar=' ', /)", (s, a) -> pad(s, a, '^'));
    define("expandtabs(tabsize=8)", (s, a) -> Splitting.expandTabs(s, Python.count(a[0])));
  }

  private StringMethods() {}

  private static void define(String signature, Method method) {
    Parameters parameters = Parameters.parse(signature);
    METHODS.put(parameters.function(), new Known(parameters, method));
  }

  /** The method of this string, bound, or ABSENT. */
  public static Object member(Object self, String name) {
    if (NOT_SUPPORTED.contains(name)) {
      throw new JinjaException("the string method '" + name + "' is not supported");
    }
    boolean escaped = self instanceof Markup;
    String text = Python.text(self);
    if (name.equals("format")
        || name.equals("format_map")
        || escaped
            && (name.equals("striptags") || name.equals("unescape") || name.equals("escape"))) {
      if (escaped) {
        throw new JinjaException(
            "'" + name + "' of escaped text is not supported; leave |safe or |escape away");
      }
      return (Function)
          arguments ->
              StringFormat.format(text, name.equals("format") ? arguments : mapped(arguments));
    }
    Known known = METHODS.get(name);
    if (known == null) {
      return Value.ABSENT;
    }
    return (Function)
        arguments -> {
          Object[] values = arguments.bind(known.parameters);
          return escaped
              ? wrapped(known.method.call(text, escapedArguments(name, values)))
              : known.method.call(text, values);
        };
  }

  private static Arguments mapped(Arguments arguments) {
    Object mapping = arguments.bind(MAPPING)[0];
    Map<String, Object> keywords = new LinkedHashMap<>();
    if (!(mapping instanceof Dict dict)) {
      throw new JinjaException("format_map needs a mapping");
    }
    dict.entries().forEach(entry -> keywords.put(Text.str(entry.getKey()), entry.getValue()));
    return new Arguments(List.of(), keywords);
  }

  /** Escaped text escapes what is put into it. */
  private static Object[] escapedArguments(String name, Object[] values) {
    Object[] escaped = values.clone();
    switch (name) {
      case "replace", "ljust", "rjust", "center" -> escaped[1] = Text.escape(values[1]);
      case "join" -> {
        List<Object> items = new ArrayList<>();
        Python.list(values[0]).forEach(item -> items.add(Text.escape(item)));
        escaped[0] = items;
      }
      default -> {}
    }
    return escaped;
  }

  private static Object wrapped(Object result) {
    if (result instanceof String text) {
      return new Markup(text);
    }
    if (result instanceof List<?> list) {
      List<Object> items = new ArrayList<>();
      list.forEach(item -> items.add(wrapped(item)));
      return items;
    }
    return result instanceof Tuple tuple
        ? new Tuple(tuple.items().stream().map(StringMethods::wrapped).toList())
        : result;
  }

  public static String text(Object value) {
    if (!Python.isText(value)) {
      throw new JinjaException(
          "a value of type " + Python.type(value) + " stands where a string belongs");
    }
    return Python.text(value);
  }

  private static String optional(Object value) {
    return value == null ? null : text(value);
  }

  private static boolean all(String text, java.util.function.IntPredicate test) {
    return !text.isEmpty() && text.codePoints().allMatch(test);
  }

  public static String join(String separator, List<Object> items) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < items.size(); i++) {
      out.append(i == 0 ? "" : separator).append(text(items.get(i)));
      Python.checkSize(out.length());
    }
    return out.toString();
  }

  public static String replace(String text, String old, String with, int count) {
    StringBuilder out = new StringBuilder();
    int from = 0;
    int left = count < 0 ? Integer.MAX_VALUE : count;
    if (old.isEmpty()) { // stands between all characters
      while (left > 0 && from <= text.length()) {
        out.append(with);
        Python.checkSize(out.length());
        int next =
            from < text.length() ? from + Character.charCount(text.codePointAt(from)) : from + 1;
        out.append(text, from, Math.min(next, text.length()));
        from = next;
        left--;
      }
      return out.append(text, Math.min(from, text.length()), text.length()).toString();
    }
    for (int at = text.indexOf(old); at >= 0 && left > 0; at = text.indexOf(old, from), left--) {
      out.append(text, from, at).append(with);
      Python.checkSize(out.length());
      from = at + old.length();
    }
    return out.append(text, from, text.length()).toString();
  }

  /** The window from start to end of {@code a[1], a[2]}; null if start lies behind the text. */
  private static String window(String text, Object[] a) {
    int length = (int) Python.length(text);
    int start = a[1] == null ? 0 : Python.count(a[1]);
    int end = a[2] == null ? length : Math.min(length, Python.count(a[2]));
    start = start < 0 ? Math.max(0, start + length) : start;
    end = end < 0 ? Math.max(0, end + length) : end;
    if (start > end) {
      return null;
    }
    return text.substring(text.offsetByCodePoints(0, start), text.offsetByCodePoints(0, end));
  }

  private static boolean affix(String self, Object[] a, boolean prefix) {
    List<Object> candidates =
        a[0] instanceof Tuple tuple ? tuple.items() : Collections.singletonList(a[0]);
    String window = window(self, a);
    for (Object candidate : candidates) {
      String text = text(candidate);
      if (window != null && (prefix ? window.startsWith(text) : window.endsWith(text))) {
        return true;
      }
    }
    return false;
  }

  private static BigInteger find(String self, Object[] a, boolean last) {
    String sub = text(a[0]);
    String window = window(self, a);
    int at = window == null ? -1 : last ? window.lastIndexOf(sub) : window.indexOf(sub);
    if (at < 0) {
      return BigInteger.ONE.negate();
    }
    int length = (int) Python.length(self);
    int start = a[1] == null ? 0 : Python.count(a[1]);
    int offset = start < 0 ? Math.max(0, start + length) : start;
    return BigInteger.valueOf(offset + (long) window.codePointCount(0, at));
  }

  private static BigInteger found(BigInteger index) {
    if (index.signum() < 0) {
      throw new JinjaException("the substring is not found");
    }
    return index;
  }

  private static BigInteger count(String self, Object[] a) {
    String sub = text(a[0]);
    String window = window(self, a);
    long count = 0;
    if (window != null && sub.isEmpty()) {
      count = Python.length(window) + 1;
    } else if (window != null) {
      for (int at = window.indexOf(sub); at >= 0; at = window.indexOf(sub, at + sub.length())) {
        count++;
      }
    }
    return BigInteger.valueOf(count);
  }

  private static String zfill(String text, int width) {
    int missing = width - (int) Python.length(text);
    Python.checkSize(Math.max(0, missing));
    boolean signed = text.startsWith("-") || text.startsWith("+");
    String zeros = "0".repeat(Math.max(0, missing));
    return signed ? text.charAt(0) + zeros + text.substring(1) : zeros + text;
  }

  private static String pad(String text, Object[] a, char align) {
    int width = Python.count(a[0]);
    String fill = text(a[1]);
    if (Python.length(fill) != 1) {
      throw new JinjaException("the fill character must be one character");
    }
    return pad(text, width, fill, align);
  }

  static String pad(String text, int width, String fill, char align) {
    int missing = Math.max(0, width - (int) Python.length(text));
    Python.checkSize(missing);
    int left = align == '<' ? 0 : align == '>' ? missing : missing / 2 + (missing & width & 1);
    return fill.repeat(left) + text + fill.repeat(missing - left);
  }
}
