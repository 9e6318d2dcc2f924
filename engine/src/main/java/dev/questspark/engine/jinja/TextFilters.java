package dev.questspark.engine.jinja;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.python.Arguments;
import dev.questspark.engine.jinja.python.Casing;
import dev.questspark.engine.jinja.python.Comparisons;
import dev.questspark.engine.jinja.python.Json;
import dev.questspark.engine.jinja.python.Python;
import dev.questspark.engine.jinja.python.Splitting;
import dev.questspark.engine.jinja.python.StringFormat;
import dev.questspark.engine.jinja.python.StringMethods;
import dev.questspark.engine.jinja.python.Text;
import dev.questspark.engine.jinja.python.Value;
import dev.questspark.engine.jinja.python.Value.Dict;
import dev.questspark.engine.jinja.python.Value.Function;
import dev.questspark.engine.jinja.python.Value.Markup;
import dev.questspark.engine.jinja.python.Value.Tuple;
import dev.questspark.engine.jinja.python.Value.Undefined;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;

/** Filters that make text. */
final class TextFilters {
  /** Width beyond which Python's pprint breaks lines. */
  private static final int PPRINT_WIDTH = 80;

  private TextFilters() {}

  static void define(Map<String, Filters.Filter> to) {
    for (String name : List.of("upper", "lower", "capitalize")) {
      Filters.define(to, name + "(s)", a -> method(a[0], name));
    }
    Filters.define(to, "title(s)", a -> title(Text.str(a[0])));
    Filters.define(to, "trim(value, chars=None)", a -> method(a[0], "strip", a[1]));
    Filters.define(to, "center(value, width=80)", a -> method(a[0], "center", a[1]));
    Filters.define(to, "string(value)", a -> soft(a[0]));
    Filters.define(
        to, "safe(value)", a -> a[0] instanceof Markup ? a[0] : new Markup(Text.str(a[0])));
    Filters.define(to, "escape(value)", a -> Text.escape(a[0]));
    Filters.define(to, "forceescape(value)", a -> Text.escape(Text.str(a[0])));
    Filters.define(
        to,
        "replace(s, old, new, count=None)",
        a ->
            StringMethods.replace(
                Text.str(a[0]),
                Text.str(a[1]),
                Text.str(a[2]),
                a[3] == null ? -1 : Python.count(a[3])));
    Filters.define(to, "indent(s, width=4, first=False, blank=False)", TextFilters::indent);
    Filters.define(
        to,
        "truncate(s, length=255, killwords=False, end='...', leeway=None)",
        TextFilters::truncate);
    Filters.define(to, "wordcount(s)", a -> words(Text.str(a[0])));
    Filters.define(to, "urlencode(value)", a -> urlEncode(a[0]));
    Filters.define(to, "pprint(value)", a -> pprint(a[0]));
    Filters.define(
        to,
        "tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False)",
        a -> Json.dumps(a[0], Python.truth(a[1]), a[2], a[3], Python.truth(a[4])));
    to.put("format", TextFilters::format);
  }

  /** A string as it is; everything else as str() has it. */
  private static Object soft(Object value) {
    return Python.isText(value) ? value : Text.str(value);
  }

  private static Object method(Object value, String name, Object... arguments) {
    return ((Function) StringMethods.member(soft(value), name)).call(Arguments.of(arguments));
  }

  private static Object format(Object value, Arguments arguments) {
    if (!arguments.positional().isEmpty() && !arguments.keywords().isEmpty()) {
      throw new JinjaException("the filter 'format' takes positions or keywords, not both");
    }
    if (arguments.keywords().isEmpty()) {
      return StringFormat.percent(soft(value), new Tuple(arguments.positional()));
    }
    Dict keywords = new Dict();
    arguments.keywords().forEach(keywords::put);
    return StringFormat.percent(soft(value), keywords);
  }

  /** Words begin after blanks, hyphens and opening brackets. */
  private static String title(String text) {
    StringBuilder out = new StringBuilder();
    int i = 0;
    while (i < text.length()) {
      int end = i;
      boolean separator = separates(text.codePointAt(i));
      while (end < text.length() && separates(text.codePointAt(end)) == separator) {
        end += Character.charCount(text.codePointAt(end));
      }
      int first = Character.charCount(text.codePointAt(i));
      out.append(text.substring(i, i + first).toUpperCase(Locale.ROOT));
      out.append(text.substring(i + first, end).toLowerCase(Locale.ROOT));
      i = end;
    }
    return out.toString();
  }

  private static boolean separates(int c) {
    return Text.isSpace(c) || "-({[<".indexOf(c) >= 0;
  }

  private static Object indent(Object[] a) {
    if (a[0] instanceof Undefined undefined) {
      throw undefined.failure();
    }
    String text = StringMethods.text(a[0]) + "\n";
    int width = Python.isText(a[1]) ? 0 : Math.max(0, Python.count(a[1]));
    Python.checkSize(width);
    String indention = Python.isText(a[1]) ? Python.text(a[1]) : " ".repeat(width);
    boolean blank = Python.truth(a[3]);
    StringBuilder out = new StringBuilder(Python.truth(a[2]) ? indention : "");
    List<String> lines = Splitting.lines(text, false);
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i);
      out.append(i == 0 ? "" : "\n")
          .append(i > 0 && (blank || !line.isEmpty()) ? indention : "")
          .append(line);
      Python.checkSize(out.length());
    }
    return a[0] instanceof Markup ? new Markup(out.toString()) : out.toString();
  }

  private static Object truncate(Object[] a) {
    String end = StringMethods.text(a[3]);
    int length = Python.count(a[1]);
    int leeway = a[4] == null ? 5 : Python.count(a[4]);
    if (length < Python.length(end) || leeway < 0) {
      throw new JinjaException(
          "truncate needs a length of at least " + Python.length(end) + " and no negative leeway");
    }
    if (Python.length(a[0]) <= (long) length + leeway) {
      return a[0];
    }
    if (a[0] instanceof Markup) {
      throw new JinjaException(
          "truncate of escaped text is not supported; leave |safe or |escape away");
    }
    String text = StringMethods.text(a[0]);
    String cut = text.substring(0, text.offsetByCodePoints(0, length - (int) Python.length(end)));
    int blank = cut.lastIndexOf(' ');
    return (Python.truth(a[2]) || blank < 0 ? cut : cut.substring(0, blank)) + end;
  }

  private static BigInteger words(String text) {
    long words = 0;
    boolean within = false;
    for (int c : text.codePoints().toArray()) {
      boolean word = c == '_' || Character.isLetter(c) || Casing.isNumeric(c);
      words += word && !within ? 1 : 0;
      within = word;
    }
    return BigInteger.valueOf(words);
  }

  private static String urlEncode(Object value) {
    if (Python.isText(value) || !Python.isIterable(value)) {
      return quote(value, "/");
    }
    StringJoiner joined = new StringJoiner("&");
    Iterator<Object> items =
        value instanceof Dict dict
            ? new Value.View("dict_items", dict).iterator()
            : Python.iterate(value);
    while (items.hasNext()) {
      List<Object> pair = Python.list(items.next());
      if (pair.size() != 2) {
        throw new JinjaException("urlencode needs pairs");
      }
      joined.add(
          quote(pair.get(0), "").replace("%20", "+")
              + "="
              + quote(pair.get(1), "").replace("%20", "+"));
    }
    return joined.toString();
  }

  private static String quote(Object value, String safe) {
    StringBuilder out = new StringBuilder();
    for (byte b : Text.str(value).getBytes(StandardCharsets.UTF_8)) {
      boolean plain =
          b >= 'a' && b <= 'z'
              || b >= 'A' && b <= 'Z'
              || b >= '0' && b <= '9'
              || "_.-~".indexOf(b) >= 0
              || safe.indexOf(b) >= 0;
      out.append(plain ? Character.toString(b) : "%%%02X".formatted(b));
    }
    return out.toString();
  }

  private static String pprint(Object value) {
    String text = Text.repr(sorted(value));
    if (Python.length(text) > PPRINT_WIDTH) {
      throw new JinjaException(
          "pprint of more than " + PPRINT_WIDTH + " characters is not supported; use tojson");
    }
    return text;
  }

  private static Object sorted(Object value) {
    if (value instanceof Dict dict) {
      List<Map.Entry<Object, Object>> entries = new ArrayList<>();
      dict.entries().forEach(entries::add);
      entries.sort(Map.Entry.comparingByKey(order()));
      Dict sorted = new Dict();
      entries.forEach(entry -> sorted.put(entry.getKey(), sorted(entry.getValue())));
      return sorted;
    }
    if (value instanceof List<?> list) {
      List<Object> items = new ArrayList<>();
      list.forEach(item -> items.add(sorted(item)));
      return items;
    }
    return value;
  }

  private static Comparator<Object> order() {
    return (a, b) -> Comparisons.ordered("<", a, b) ? -1 : Comparisons.ordered("<", b, a) ? 1 : 0;
  }
}
