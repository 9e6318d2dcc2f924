package dev.questspark.engine.jinja;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.python.Arguments;
import dev.questspark.engine.jinja.python.Attributes;
import dev.questspark.engine.jinja.python.Comparisons;
import dev.questspark.engine.jinja.python.Operators;
import dev.questspark.engine.jinja.python.Python;
import dev.questspark.engine.jinja.python.Slices;
import dev.questspark.engine.jinja.python.Text;
import dev.questspark.engine.jinja.python.Value;
import dev.questspark.engine.jinja.python.Value.Dict;
import dev.questspark.engine.jinja.python.Value.Function;
import dev.questspark.engine.jinja.python.Value.Namespace;
import dev.questspark.engine.jinja.python.Value.Tuple;
import dev.questspark.engine.jinja.python.Value.Undefined;
import dev.questspark.engine.jinja.syntax.Node.Attribute;
import dev.questspark.engine.jinja.syntax.Node.Binary;
import dev.questspark.engine.jinja.syntax.Node.Call;
import dev.questspark.engine.jinja.syntax.Node.Comparison;
import dev.questspark.engine.jinja.syntax.Node.Concat;
import dev.questspark.engine.jinja.syntax.Node.Conditional;
import dev.questspark.engine.jinja.syntax.Node.Constant;
import dev.questspark.engine.jinja.syntax.Node.DictLiteral;
import dev.questspark.engine.jinja.syntax.Node.Expression;
import dev.questspark.engine.jinja.syntax.Node.Filter;
import dev.questspark.engine.jinja.syntax.Node.Item;
import dev.questspark.engine.jinja.syntax.Node.ListLiteral;
import dev.questspark.engine.jinja.syntax.Node.Logic;
import dev.questspark.engine.jinja.syntax.Node.Name;
import dev.questspark.engine.jinja.syntax.Node.Not;
import dev.questspark.engine.jinja.syntax.Node.Passed;
import dev.questspark.engine.jinja.syntax.Node.Slice;
import dev.questspark.engine.jinja.syntax.Node.Test;
import dev.questspark.engine.jinja.syntax.Node.TupleLiteral;
import dev.questspark.engine.jinja.syntax.Node.Unary;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Computes expressions, and assigns. */
final class Evaluator {
  private Evaluator() {}

  static Object evaluate(Expression expression, Frame frame) {
    try {
      return value(expression, frame);
    } catch (JinjaException e) {
      throw e.at(expression.line());
    }
  }

  private static Object value(Expression expression, Frame frame) {
    if (expression instanceof Constant constant) {
      return constant.value();
    } else if (expression instanceof Name name) {
      return variable(name.name(), frame);
    } else if (expression instanceof Attribute attribute) {
      return Attributes.attribute(evaluate(attribute.target(), frame), attribute.name());
    } else if (expression instanceof Item item) {
      Object target = evaluate(item.target(), frame);
      return Attributes.item(target, evaluate(item.index(), frame));
    } else if (expression instanceof Slice slice) {
      Object target = evaluate(slice.target(), frame);
      Object start = optional(slice.start(), frame);
      Object stop = optional(slice.stop(), frame);
      return Slices.slice(target, start, stop, optional(slice.step(), frame));
    } else if (expression instanceof Call call) {
      return call(call, frame, Map.of());
    } else if (expression instanceof Filter filter) {
      return filter(filter, evaluate(filter.target(), frame), frame);
    } else if (expression instanceof Test test) {
      Object target = evaluate(test.target(), frame);
      return Conditions.test(test.name(), target, arguments(test.passed(), frame));
    }
    return operation(expression, frame);
  }

  private static Object operation(Expression expression, Frame frame) {
    if (expression instanceof Binary binary) {
      Object left = evaluate(binary.left(), frame);
      return Operators.binary(binary.operator(), left, evaluate(binary.right(), frame));
    } else if (expression instanceof Concat concat) {
      StringBuilder text = new StringBuilder();
      List<Object> parts = evaluateAll(concat.parts(), frame);
      for (Object part : parts) {
        text.append(Text.str(part));
        Python.checkSize(text.length());
      }
      return text.toString();
    } else if (expression instanceof Logic logic) {
      Object left = evaluate(logic.left(), frame);
      return Python.truth(left) == logic.and() ? evaluate(logic.right(), frame) : left;
    } else if (expression instanceof Not not) {
      return !Python.truth(evaluate(not.operand(), frame));
    } else if (expression instanceof Comparison comparison) {
      return compare(comparison, frame);
    } else if (expression instanceof Conditional conditional) {
      return choose(conditional, frame);
    } else if (expression instanceof Unary unary) {
      return Operators.unary(unary.operator(), evaluate(unary.operand(), frame));
    } else if (expression instanceof ListLiteral list) {
      return evaluateAll(list.items(), frame);
    } else if (expression instanceof TupleLiteral tuple) {
      return new Tuple(evaluateAll(tuple.items(), frame));
    }
    DictLiteral literal = (DictLiteral) expression;
    Dict dict = new Dict();
    for (int i = 0; i < literal.keys().size(); i++) {
      Object key = evaluate(literal.keys().get(i), frame);
      dict.put(key, evaluate(literal.values().get(i), frame));
    }
    return dict;
  }

  private static Object optional(Expression expression, Frame frame) {
    return expression == null ? null : evaluate(expression, frame);
  }

  private static List<Object> evaluateAll(List<Expression> expressions, Frame frame) {
    List<Object> values = new ArrayList<>();
    for (Expression expression : expressions) {
      values.add(evaluate(expression, frame));
    }
    return values;
  }

  private static Object variable(String name, Frame frame) {
    Object value = frame.get(name);
    if (value == Value.ABSENT && name.equals("self")) {
      throw new JinjaException("'self' is not supported");
    }
    return value == Value.ABSENT ? Undefined.name(name) : value;
  }

  private static Object choose(Conditional conditional, Frame frame) {
    if (Python.truth(evaluate(conditional.test(), frame))) {
      return evaluate(conditional.then(), frame);
    }
    return conditional.otherwise() == null
        ? new Undefined("the inline if without else is false, so it has no value")
        : evaluate(conditional.otherwise(), frame);
  }

  private static boolean compare(Comparison comparison, Frame frame) {
    Object left = evaluate(comparison.first(), frame);
    for (int i = 0; i < comparison.operators().size(); i++) {
      String operator = comparison.operators().get(i);
      Object right = evaluate(comparison.operands().get(i), frame);
      boolean holds =
          switch (operator) {
            case "==" -> Comparisons.equal(left, right);
            case "!=" -> !Comparisons.equal(left, right);
            case "in" -> Comparisons.contains(right, left);
            case "not in" -> !Comparisons.contains(right, left);
            default -> Comparisons.ordered(operator, left, right);
          };
      if (!holds) {
        return false;
      }
      left = right;
    }
    return true;
  }

  /** A filter applied to a value that its block or chain brings. */
  static Object filter(Filter filter, Object target, Frame frame) {
    return Filters.apply(filter.name(), target, arguments(filter.passed(), frame));
  }

  /** A call; {@code more} are keywords that the template did not write. */
  static Object call(Call call, Frame frame, Map<String, Object> more) {
    Object target = evaluate(call.target(), frame);
    Arguments arguments = arguments(call.passed(), frame);
    if (target instanceof Undefined undefined) {
      throw undefined.failure();
    }
    if (!(target instanceof Function function)) {
      throw new JinjaException("a value of type " + Python.type(target) + " cannot be called");
    }
    if (more.isEmpty()) {
      return function.call(arguments);
    }
    Map<String, Object> keywords = new LinkedHashMap<>(arguments.keywords());
    keywords.putAll(more);
    return function.call(new Arguments(arguments.positional(), keywords));
  }

  private static Arguments arguments(Passed passed, Frame frame) {
    if (passed == Passed.NOTHING) {
      return Arguments.NONE;
    }
    List<Object> positional = evaluateAll(passed.positional(), frame);
    Map<String, Object> keywords = new LinkedHashMap<>();
    for (int i = 0; i < passed.keywords().size(); i++) {
      keywords.put(passed.keywords().get(i), evaluate(passed.values().get(i), frame));
    }
    if (passed.starred() != null) {
      positional.addAll(Python.list(evaluate(passed.starred(), frame)));
    }
    if (passed.doubleStarred() != null) {
      if (!(evaluate(passed.doubleStarred(), frame) instanceof Dict dict)) {
        throw new JinjaException("'**' needs a dict");
      }
      for (Map.Entry<Object, Object> entry : dict.entries()) {
        if (!Python.isText(entry.getKey()) || keywords.containsKey(Python.text(entry.getKey()))) {
          throw new JinjaException(
              "the keyword " + Text.repr(entry.getKey()) + " is no string or stands twice");
        }
        keywords.put(Python.text(entry.getKey()), entry.getValue());
      }
    }
    return new Arguments(positional, keywords);
  }

  /** Gives a value to a name, to a namespace's attribute, or item by item to several. */
  static void assign(Expression target, Object value, Frame frame) {
    if (target instanceof Name name) {
      frame.set(name.name(), value);
    } else if (target instanceof Attribute attribute) {
      if (!(evaluate(attribute.target(), frame) instanceof Namespace namespace)) {
        throw new JinjaException("an attribute can be set on a namespace only").at(target.line());
      }
      namespace.set(attribute.name(), value);
    } else {
      unpack(((TupleLiteral) target).items(), value, frame);
    }
  }

  private static void unpack(List<Expression> targets, Object value, Frame frame) {
    List<Object> items = new ArrayList<>();
    Iterator<Object> iterator = Python.iterate(value);
    while (iterator.hasNext() && items.size() <= targets.size()) {
      items.add(iterator.next());
    }
    if (items.size() != targets.size()) {
      String found = items.size() > targets.size() ? "more" : Integer.toString(items.size());
      throw new JinjaException(
          "a value of " + found + " items is given to " + targets.size() + " names");
    }
    for (int i = 0; i < items.size(); i++) {
      assign(targets.get(i), items.get(i), frame);
    }
  }
}
