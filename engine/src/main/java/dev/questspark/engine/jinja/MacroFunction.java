package dev.questspark.engine.jinja;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.python.Arguments;
import dev.questspark.engine.jinja.python.Text;
import dev.questspark.engine.jinja.python.Value;
import dev.questspark.engine.jinja.python.Value.Attributed;
import dev.questspark.engine.jinja.python.Value.Dict;
import dev.questspark.engine.jinja.python.Value.Function;
import dev.questspark.engine.jinja.python.Value.Tuple;
import dev.questspark.engine.jinja.python.Value.Undefined;
import dev.questspark.engine.jinja.syntax.Node.Expression;
import dev.questspark.engine.jinja.syntax.Node.Signature;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A macro, or the body of a call block. */
final class MacroFunction implements Function, Attributed {
  private final String name;
  private final Signature signature;
  private final Frame frame;
  private final Set<String> special;
  private final java.util.function.Function<Frame, String> body;

  MacroFunction(
      String name,
      Signature signature,
      Set<String> special,
      Frame frame,
      java.util.function.Function<Frame, String> body) {
    this.name = name;
    this.signature = signature;
    this.frame = frame;
    this.body = body;
    this.special = special;
  }

  @Override
  public Object call(Arguments arguments) {
    Frame inner = frame.inner();
    List<String> parameters = signature.parameters();
    Map<String, Object> keywords = new LinkedHashMap<>(arguments.keywords());
    List<Object> positional = arguments.positional();
    Object[] values = new Object[parameters.size()];
    for (int i = 0; i < values.length; i++) {
      boolean given = i < positional.size() || keywords.containsKey(parameters.get(i));
      values[i] =
          !given
              ? Value.ABSENT
              : i < positional.size() ? positional.get(i) : keywords.remove(parameters.get(i));
    }
    boolean namesCaller = parameters.contains("caller");
    if (special.contains("caller") && !namesCaller) {
      Object caller = keywords.remove("caller");
      inner.set("caller", caller == null ? new Undefined("no caller is defined") : caller);
    }
    specialArguments(positional, keywords, inner);
    for (int i = 0; i < values.length; i++) {
      inner.set(parameters.get(i), values[i]);
    }
    for (int i = 0; i < values.length; i++) {
      if (values[i] == Value.ABSENT) {
        Expression ownDefault = signature.defaultOf(i);
        inner.set(
            parameters.get(i),
            ownDefault == null
                ? new Undefined("the parameter '" + parameters.get(i) + "' was not provided")
                : Evaluator.evaluate(ownDefault, inner));
      }
    }
    return body.apply(inner);
  }

  private void specialArguments(
      List<Object> positional, Map<String, Object> keywords, Frame inner) {
    List<String> parameters = signature.parameters();
    if (special.contains("kwargs") && !parameters.contains("kwargs")) {
      Dict dict = new Dict();
      keywords.forEach(dict::put);
      inner.set("kwargs", dict);
    } else if (!keywords.isEmpty()) {
      throw new JinjaException(
          "the macro '"
              + name
              + "' takes no keyword argument '"
              + keywords.keySet().iterator().next()
              + "'");
    }
    if (special.contains("varargs") && !parameters.contains("varargs")) {
      int from = Math.min(parameters.size(), positional.size());
      inner.set("varargs", new Tuple(positional.subList(from, positional.size())));
    } else if (positional.size() > parameters.size()) {
      throw new JinjaException(
          "the macro '"
              + name
              + "' takes at most "
              + parameters.size()
              + " arguments, "
              + positional.size()
              + " given");
    }
  }

  @Override
  public Object attribute(String attribute) {
    return switch (attribute) {
      case "name" -> name;
      case "arguments" -> new Tuple(List.copyOf(signature.parameters()));
      case "caller" -> special.contains("caller");
      case "catch_kwargs" -> special.contains("kwargs");
      case "catch_varargs" -> special.contains("varargs");
      default -> Value.ABSENT;
    };
  }

  @Override
  public String describe() {
    return "<Macro " + Text.repr(name) + ">";
  }
}
