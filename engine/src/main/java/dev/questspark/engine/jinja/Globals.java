package dev.questspark.engine.jinja;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.python.Arguments;
import dev.questspark.engine.jinja.python.Arguments.Parameters;
import dev.questspark.engine.jinja.python.DateFormat;
import dev.questspark.engine.jinja.python.Python;
import dev.questspark.engine.jinja.python.StringMethods;
import dev.questspark.engine.jinja.python.Text;
import dev.questspark.engine.jinja.python.Value;
import dev.questspark.engine.jinja.python.Value.Attributed;
import dev.questspark.engine.jinja.python.Value.Dict;
import dev.questspark.engine.jinja.python.Value.Function;
import dev.questspark.engine.jinja.python.Value.Namespace;
import dev.questspark.engine.jinja.python.Value.Range;
import java.time.LocalDateTime;
import java.util.List;
import java.util.Map;

/** The functions that every template has, as transformers sets them up. */
final class Globals {
  /** Jinja's sandbox makes no longer ranges. */
  private static final int MAX_RANGE = 100_000;

  private static final Parameters MESSAGE = Parameters.parse("raise_exception(message)");
  private static final Parameters FORMAT = Parameters.parse("strftime_now(format)");
  private static final Parameters SEPARATOR = Parameters.parse("joiner(sep=', ')");

  private Globals() {}

  static Map<String, Object> all() {
    return Map.of(
        "range", (Function) Globals::range,
        "dict", (Function) Globals::dict,
        "namespace", (Function) arguments -> namespace(dict(arguments)),
        "cycler", (Function) arguments -> new Cycler(arguments),
        "joiner", (Function) arguments -> joiner(Text.str(arguments.bind(SEPARATOR)[0])),
        "lipsum",
            (Function)
                arguments -> {
                  throw new JinjaException("'lipsum' is not supported");
                },
        "raise_exception",
            (Function)
                arguments -> {
                  throw JinjaException.raisedByTemplate(Text.str(arguments.bind(MESSAGE)[0]));
                },
        "strftime_now",
            (Function)
                arguments ->
                    DateFormat.format(
                        LocalDateTime.now(), StringMethods.text(arguments.bind(FORMAT)[0])));
  }

  private static Object range(Arguments arguments) {
    List<Object> bounds = arguments.positional();
    if (bounds.isEmpty() || bounds.size() > 3 || !arguments.keywords().isEmpty()) {
      throw new JinjaException("range takes one to three integers");
    }
    long[] values = new long[bounds.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = Python.count(bounds.get(i));
    }
    long step = values.length == 3 ? values[2] : 1;
    if (step == 0) {
      throw new JinjaException("the step of a range is zero");
    }
    Range range =
        values.length == 1 ? new Range(0, values[0], 1) : new Range(values[0], values[1], step);
    if (range.length() > MAX_RANGE) {
      throw new JinjaException("a range has at most " + MAX_RANGE + " items");
    }
    return range;
  }

  private static Dict dict(Arguments arguments) {
    Dict dict = new Dict();
    if (arguments.positional().size() > 1) {
      throw new JinjaException("dict takes at most one value and keywords");
    }
    for (Object value : arguments.positional()) {
      if (value instanceof Dict other) {
        dict.putAll(other);
        continue;
      }
      for (Object item : Python.list(value)) {
        List<Object> pair = Python.list(item);
        if (pair.size() != 2) {
          throw new JinjaException("dict needs pairs of key and value");
        }
        dict.put(pair.get(0), pair.get(1));
      }
    }
    arguments.keywords().forEach(dict::put);
    return dict;
  }

  private static Namespace namespace(Dict attributes) {
    Namespace namespace = new Namespace(new Dict());
    attributes
        .entries()
        .forEach(
            entry -> {
              if (Python.isText(entry.getKey())) {
                namespace.set(Python.text(entry.getKey()), entry.getValue());
              } else {
                namespace.attributes().put(entry.getKey(), entry.getValue());
              }
            });
    return namespace;
  }

  private static Function joiner(String separator) {
    boolean[] used = {false};
    return arguments -> {
      String text = used[0] ? separator : "";
      used[0] = true;
      return text;
    };
  }

  /** Goes round its values. */
  private static final class Cycler implements Attributed {
    private final List<Object> values;
    private int at;

    Cycler(Arguments arguments) {
      this.values = arguments.positional();
      if (values.isEmpty() || !arguments.keywords().isEmpty()) {
        throw new JinjaException("cycler needs values to choose from");
      }
    }

    @Override
    public Object attribute(String name) {
      return switch (name) {
        case "current" -> values.get(at);
        case "next" ->
            (Function)
                arguments -> {
                  Object value = values.get(at);
                  at = (at + 1) % values.size();
                  return value;
                };
        case "reset" ->
            (Function)
                arguments -> {
                  at = 0;
                  return null;
                };
        default -> Value.ABSENT;
      };
    }

    @Override
    public String describe() {
      throw new JinjaException("a cycler cannot be printed");
    }
  }
}
