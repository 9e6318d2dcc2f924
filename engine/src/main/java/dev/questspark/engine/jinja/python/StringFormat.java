package dev.questspark.engine.jinja.python;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.python.Value.Dict;
import dev.questspark.engine.jinja.python.Value.Markup;
import dev.questspark.engine.jinja.python.Value.Tuple;
import dev.questspark.engine.jinja.python.Value.Undefined;
import java.math.BigInteger;
import java.util.List;

/** {@code '%s' % value} and {@code '{}'.format(value)}. */
public final class StringFormat {
  private final String format;
  private final StringBuilder out = new StringBuilder();
  private int at;
  private int nextArgument;

  private StringFormat(String format) {
    this.format = format;
  }

  /** {@code left % right}. */
  public static Object percent(Object left, Object right) {
    if (left instanceof Markup) {
      throw new JinjaException("'%' on escaped text is not supported; leave |safe or |escape away");
    }
    return new StringFormat((String) left).percent(right);
  }

  private String percent(Object right) {
    List<Object> values =
        right instanceof Tuple tuple ? tuple.items() : java.util.Collections.singletonList(right);
    while (at < format.length()) {
      char c = format.charAt(at++);
      if (c == '%') {
        conversion(values, right);
      } else {
        out.append(c);
      }
    }
    boolean mapping =
        right instanceof Dict
            || right instanceof List
            || right instanceof Value.Range
            || right instanceof Undefined;
    if (nextArgument < values.size() && !mapping) {
      throw new JinjaException("not all arguments of '%' are used by the format");
    }
    return out.toString();
  }

  private void conversion(List<Object> values, Object right) {
    Object named = Value.ABSENT;
    if (peek() == '(') {
      int depth = 1;
      int from = ++at;
      while (at < format.length() && depth > 0) {
        depth += format.charAt(at) == '(' ? 1 : format.charAt(at) == ')' ? -1 : 0;
        at++;
      }
      if (depth > 0) {
        throw new JinjaException("the format's key is never closed");
      }
      String key = format.substring(from, at - 1);
      if (!(right instanceof Dict dict)) {
        throw new JinjaException("the format '%(" + key + ")' needs a mapping");
      }
      named = dict.get(key);
      if (named == Value.ABSENT) {
        throw new JinjaException("the format's key '" + key + "' is missing");
      }
    }
    FormatSpec spec = new FormatSpec();
    for (; "-+ #0".indexOf(peek()) >= 0; at++) {
      switch (peek()) {
        case '-' -> spec.align = '<';
        case '+' -> spec.sign = '+';
        case ' ' -> spec.sign = spec.sign == '+' ? '+' : ' ';
        case '#' -> spec.alternate = true;
        default -> spec.zero = true;
      }
    }
    spec.width = amount(values);
    if (spec.width < 0) {
      spec.align = '<';
      spec.width = -spec.width;
    }
    if (peek() == '.') {
      at++;
      spec.precision = Math.max(0, amount(values));
    }
    while ("hlL".indexOf(peek()) >= 0) {
      at++;
    }
    char type = peek();
    at++;
    if (type == '%') {
      out.append('%');
      return;
    }
    Object value = named == Value.ABSENT ? argument(values) : named;
    out.append(converted(type, value, spec));
    Python.checkSize(out.length());
  }

  private char peek() {
    if (at >= format.length()) {
      throw new JinjaException("the format '" + format + "' ends within a conversion");
    }
    return format.charAt(at);
  }

  private int amount(List<Object> values) {
    if (peek() == '*') {
      at++;
      return Python.count(argument(values));
    }
    int from = at;
    while (peek() >= '0' && peek() <= '9') {
      at++;
    }
    return from == at ? 0 : Python.count(new BigInteger(format.substring(from, at)));
  }

  private Object argument(List<Object> values) {
    if (nextArgument >= values.size()) {
      throw new JinjaException("the format '" + format + "' has more conversions than values");
    }
    return values.get(nextArgument++);
  }

  private static String converted(char type, Object value, FormatSpec spec) {
    boolean left = spec.align == '<';
    switch (type) {
      case 's', 'r', 'a' -> {
        spec.zero = false;
        spec.align = left ? '<' : '>';
        if (type == 'a') {
          throw new JinjaException("'%a' is not supported");
        }
        return spec.text(type == 's' ? Text.str(value) : Text.repr(value));
      }
      case 'c' -> {
        boolean character = Python.isText(value) && Python.length(value) == 1;
        if (!character && !Operators.isInteger(value)) {
          throw new JinjaException("'%c' needs an int or one character");
        }
        spec.zero = false;
        spec.precision = -1;
        spec.align = left ? '<' : '>';
        return spec.text(character ? Python.text(value) : Character.toString(Python.count(value)));
      }
      case 'd', 'i', 'u' -> {
        if (value instanceof Double number && (number.isNaN() || number.isInfinite())) {
          throw new JinjaException("'%d' needs a finite number");
        }
        spec.type = 'd';
        return spec.integer(
            value instanceof Double number
                ? new java.math.BigDecimal(number).toBigInteger()
                : Python.index(value),
            true);
      }
      case 'x', 'X', 'o' -> {
        spec.type = type;
        return spec.integer(Python.index(value), true);
      }
      case 'e', 'E', 'f', 'F', 'g', 'G' -> {
        if (!Operators.isNumber(value)) {
          throw new JinjaException(
              "'%" + type + "' needs a number, not a value of type " + Python.type(value));
        }
        spec.type = type;
        return spec.real(Operators.toDouble(value));
      }
      default -> throw new JinjaException("the format has an unknown conversion '%" + type + "'");
    }
  }

  /** {@code text.format(...)}. */
  static String format(String text, Arguments arguments) {
    StringFormat format = new StringFormat(text);
    format.fields(arguments, false);
    return format.out.toString();
  }

  /** Copies text and fields up to the end, or up to the brace that closes a specification. */
  private void fields(Arguments arguments, boolean nested) {
    while (at < format.length()) {
      char c = format.charAt(at++);
      boolean doubled = !nested && at < format.length() && format.charAt(at) == c;
      if (nested && c == '}') {
        at--;
        return;
      }
      if ((c == '{' || c == '}') && doubled) {
        out.append(c);
        at++;
      } else if (c == '{') {
        field(arguments, nested);
      } else if (c == '}') {
        throw new JinjaException("the format '" + format + "' has a single '}'");
      } else {
        out.append(c);
      }
      Python.checkSize(out.length());
    }
  }

  private void field(Arguments arguments, boolean nested) {
    int from = at;
    int bracket = 0;
    while (bracket > 0 || "!:}".indexOf(peek()) < 0) {
      bracket += peek() == '[' ? 1 : peek() == ']' ? -1 : 0;
      if (peek() == '{') {
        throw new JinjaException("the format '" + format + "' has '{' in a field's name");
      }
      at++;
    }
    Object value = value(format.substring(from, at), arguments);
    if (peek() == '!') {
      char conversion = format.charAt(Math.min(at + 1, format.length() - 1));
      at += 2;
      if (conversion != 's' && conversion != 'r') {
        throw new JinjaException("the format's conversion '!" + conversion + "' is not supported");
      }
      value = conversion == 's' ? Text.str(value) : Text.repr(value);
    }
    String spec = "";
    if (peek() == ':') {
      at++;
      if (nested) {
        throw new JinjaException("the format '" + format + "' nests too deeply");
      }
      int mark = out.length();
      fields(arguments, true);
      spec = out.substring(mark);
      out.setLength(mark);
    }
    if (peek() != '}') {
      throw new JinjaException("the format '" + format + "' has a field that is not closed");
    }
    at++;
    out.append(FormatSpec.parse(spec).any(value));
  }

  /** {@code 0.name[key]}. */
  private Object value(String field, Arguments arguments) {
    int end = 0;
    while (end < field.length() && ".[".indexOf(field.charAt(end)) < 0) {
      end++;
    }
    String first = field.substring(0, end);
    Object value;
    if (first.isEmpty() || first.chars().allMatch(Character::isDigit)) {
      int index = first.isEmpty() ? nextArgument++ : Python.count(new BigInteger(first));
      if (!first.isEmpty() && nextArgument > 0 || first.isEmpty() && nextArgument <= 0) {
        throw new JinjaException("the format '" + format + "' mixes numbered and automatic fields");
      }
      nextArgument = first.isEmpty() ? nextArgument : Integer.MIN_VALUE;
      if (index >= arguments.positional().size()) {
        throw new JinjaException("the format '" + format + "' has more fields than values");
      }
      value = arguments.positional().get(index);
    } else if (arguments.keywords().containsKey(first)) {
      value = arguments.keywords().get(first);
    } else {
      throw new JinjaException("the format's field '" + first + "' has no value");
    }
    int i = end;
    while (i < field.length()) {
      boolean attribute = field.charAt(i) == '.';
      int to = attribute ? i + 1 : field.indexOf(']', i);
      while (attribute && to < field.length() && ".[".indexOf(field.charAt(to)) < 0) {
        to++;
      }
      String name = to < 0 ? "" : field.substring(i + 1, to);
      if (name.isEmpty()
          || !attribute && to + 1 < field.length() && ".[".indexOf(field.charAt(to + 1)) < 0) {
        throw new JinjaException("the format's field '" + field + "' is malformed");
      }
      boolean number = !attribute && name.chars().allMatch(Character::isDigit);
      value =
          attribute
              ? Attributes.attribute(value, name)
              : Attributes.item(value, number ? (Object) new BigInteger(name) : name);
      i = attribute ? to : to + 1;
    }
    return value;
  }
}
