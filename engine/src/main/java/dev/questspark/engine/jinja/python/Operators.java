package dev.questspark.engine.jinja.python;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.python.Value.Markup;
import dev.questspark.engine.jinja.python.Value.Tuple;
import dev.questspark.engine.jinja.python.Value.Undefined;
import dev.questspark.engine.jinja.python.Value.View;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;

/** Python's operators. */
public final class Operators {
  /** Bits of the largest int; a template that needs more runs away. */
  private static final int MOST_BITS = 1 << 17;

  private Operators() {}

  public static Object unary(String operator, Object value) {
    refuseUndefined(value);
    boolean minus = operator.equals("-");
    if (value instanceof Double number) {
      return minus ? -number : number;
    }
    if (isInteger(value)) {
      return minus ? Python.index(value).negate() : Python.index(value);
    }
    throw new JinjaException(
        "'" + operator + "' has no meaning before a value of type " + Python.type(value));
  }

  public static Object binary(String operator, Object left, Object right) {
    if (operator.equals("%") && Python.isText(left)) {
      return StringFormat.percent(left, right);
    }
    refuseUndefined(left);
    refuseUndefined(right);
    if (isNumber(left) && isNumber(right)) {
      return left instanceof Double || right instanceof Double
          ? real(operator, toDouble(left), toDouble(right))
          : integer(operator, Python.index(left), Python.index(right));
    }
    Object result = operator.equals("+") ? joined(left, right) : null;
    if (operator.equals("*")) {
      result =
          isInteger(right)
              ? repeated(left, Python.index(right))
              : isInteger(left) ? repeated(right, Python.index(left)) : null;
    }
    if (operator.equals("-") && left instanceof View && right instanceof View) {
      throw new JinjaException("the difference of two dict views is not supported");
    }
    if (result == null) {
      throw new JinjaException(
          "'"
              + operator
              + "' has no meaning between values of type "
              + Python.type(left)
              + " and "
              + Python.type(right));
    }
    return result;
  }

  static void refuseUndefined(Object value) {
    if (value instanceof Undefined undefined) {
      throw undefined.failure();
    }
  }

  private static Object joined(Object left, Object right) {
    if (left instanceof String a && right instanceof String b) {
      Python.checkSize((long) a.length() + b.length());
      return a + b;
    }
    if (Python.isText(left) && Python.isText(right)) {
      return new Markup(Text.escape(left).text() + Text.escape(right).text());
    }
    if (left instanceof List<?> a && right instanceof List<?> b) {
      return both(a, b);
    }
    return left instanceof Tuple a && right instanceof Tuple b
        ? new Tuple(both(a.items(), b.items()))
        : null;
  }

  private static List<Object> both(List<?> a, List<?> b) {
    Python.checkSize((long) a.size() + b.size());
    List<Object> items = new ArrayList<>(a);
    items.addAll(b);
    return items;
  }

  private static Object repeated(Object value, BigInteger times) {
    if (times.bitLength() > 63) {
      throw new JinjaException("a value is repeated too often");
    }
    int count = Math.max(0, Python.count(times));
    if (value instanceof Tuple tuple) {
      return new Tuple(repeated(tuple.items(), count));
    }
    if (value instanceof List<?> list) {
      return repeated(list, count);
    }
    if (!Python.isText(value)) {
      return null;
    }
    Python.checkSize((long) Python.text(value).length() * count);
    String text = Python.text(value).repeat(Python.text(value).isEmpty() ? 0 : count);
    return value instanceof Markup ? new Markup(text) : text;
  }

  private static List<Object> repeated(List<?> list, int count) {
    Python.checkSize((long) list.size() * count);
    List<Object> items = new ArrayList<>();
    for (int i = 0; i < count && !list.isEmpty(); i++) {
      items.addAll(list);
    }
    return items;
  }

  private static Object integer(String operator, BigInteger a, BigInteger b) {
    if ("/%//".contains(operator) && b.signum() == 0) {
      throw new JinjaException("division by zero");
    }
    BigInteger result =
        switch (operator) {
          case "+" -> a.add(b);
          case "-" -> a.subtract(b);
          case "*" -> a.bitLength() + b.bitLength() > MOST_BITS ? null : a.multiply(b);
          case "//" -> floorDivide(a, b);
          case "%" -> a.subtract(floorDivide(a, b).multiply(b));
          case "**" -> {
            if (b.signum() < 0) {
              yield BigInteger.ZERO; // a float: see below
            }
            boolean small =
                a.bitLength() <= 1
                    || b.bitLength() < 31 && (long) a.bitLength() * b.intValue() <= MOST_BITS;
            yield !small ? null : a.abs().bitLength() <= 1 ? unitPower(a, b) : a.pow(b.intValue());
          }
          default -> BigInteger.ZERO;
        };
    if (operator.equals("/")) {
      return trueDivide(a, b);
    }
    if (operator.equals("**") && b.signum() < 0) {
      return real("**", toDouble(a), toDouble(b));
    }
    if (result == null || result.bitLength() > MOST_BITS) {
      throw new JinjaException("an int grows beyond " + MOST_BITS + " bits");
    }
    return result;
  }

  /** A power of -1, 0 or 1, whose exponent may be of any size. */
  private static BigInteger unitPower(BigInteger a, BigInteger b) {
    return b.signum() == 0 ? BigInteger.ONE : a.signum() < 0 && !b.testBit(0) ? BigInteger.ONE : a;
  }

  private static BigInteger floorDivide(BigInteger a, BigInteger b) {
    BigInteger[] parts = a.divideAndRemainder(b);
    boolean below = parts[1].signum() != 0 && parts[1].signum() != b.signum();
    return below ? parts[0].subtract(BigInteger.ONE) : parts[0];
  }

  private static double trueDivide(BigInteger a, BigInteger b) {
    if (a.bitLength() <= 53 && b.bitLength() <= 53) {
      return a.doubleValue() / b.doubleValue();
    }
    double result = new BigDecimal(a).divide(new BigDecimal(b), new MathContext(60)).doubleValue();
    if (Double.isInfinite(result)) {
      throw new JinjaException("the result of a division is too large for a float");
    }
    return result;
  }

  private static Object real(String operator, double a, double b) {
    if ("/%//".contains(operator) && b == 0) {
      throw new JinjaException("division by zero");
    }
    return switch (operator) {
      case "+" -> a + b;
      case "-" -> a - b;
      case "*" -> a * b;
      case "/" -> a / b;
      case "%" -> modulo(a, b);
      case "//" -> floorDivide(a, b);
      default -> power(a, b);
    };
  }

  private static double modulo(double a, double b) {
    double rest = a % b;
    if (rest != 0) {
      return (b < 0) != (rest < 0) ? rest + b : rest;
    }
    return Math.copySign(0.0, b);
  }

  private static double floorDivide(double a, double b) {
    double quotient = (a - modulo(a, b)) / b;
    if (quotient == 0) {
      return Math.copySign(0.0, a / b);
    }
    double floor = Math.floor(quotient);
    return quotient - floor > 0.5 ? floor + 1 : floor;
  }

  private static double power(double a, double b) {
    if (a == 0 && b < 0) {
      throw new JinjaException("zero to a negative power");
    }
    if (a < 0 && b != Math.rint(b)) {
      throw new JinjaException(
          "a negative number to a fractional power is complex, which is not supported");
    }
    double result = a == 1 ? 1 : Math.pow(a, b);
    if (Double.isInfinite(result) && !Double.isInfinite(a) && !Double.isInfinite(b)) {
      throw new JinjaException("the result of a power is too large for a float");
    }
    return result;
  }

  public static boolean isInteger(Object value) {
    return value instanceof BigInteger || value instanceof Boolean;
  }

  public static boolean isNumber(Object value) {
    return isInteger(value) || value instanceof Double;
  }

  public static double toDouble(Object value) {
    double number = value instanceof Double real ? real : Python.index(value).doubleValue();
    if (Double.isInfinite(number) && !(value instanceof Double)) {
      throw new JinjaException("an int is too large for a float");
    }
    return number;
  }
}
