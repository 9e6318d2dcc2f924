package dev.questspark.engine.jinja.syntax;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.syntax.Lexer.Kind;
import dev.questspark.engine.jinja.syntax.Lexer.Token;
import dev.questspark.engine.jinja.syntax.Node.Attribute;
import dev.questspark.engine.jinja.syntax.Node.Call;
import dev.questspark.engine.jinja.syntax.Node.Constant;
import dev.questspark.engine.jinja.syntax.Node.DictLiteral;
import dev.questspark.engine.jinja.syntax.Node.Expression;
import dev.questspark.engine.jinja.syntax.Node.Filter;
import dev.questspark.engine.jinja.syntax.Node.Item;
import dev.questspark.engine.jinja.syntax.Node.ListLiteral;
import dev.questspark.engine.jinja.syntax.Node.Name;
import dev.questspark.engine.jinja.syntax.Node.Not;
import dev.questspark.engine.jinja.syntax.Node.Passed;
import dev.questspark.engine.jinja.syntax.Node.Slice;
import dev.questspark.engine.jinja.syntax.Node.Test;
import dev.questspark.engine.jinja.syntax.Node.TupleLiteral;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads operands: literals, names and parentheses, and what binds to their right, which is
 * attributes, subscripts, calls, filters and tests.
 */
abstract class OperandParser extends TokenCursor {
  OperandParser(List<Token> tokens) {
    super(tokens);
  }

  abstract Expression expression();

  /** An expression, or a tuple without parentheses. */
  abstract Expression tuple(boolean conditional, String end);

  final Expression primary() {
    Token token = peek();
    switch (token.kind()) {
      case NAME -> {
        next();
        return switch (token.text()) {
          case "true", "True" -> new Constant(true, token.line());
          case "false", "False" -> new Constant(false, token.line());
          case "none", "None" -> new Constant(null, token.line());
          default -> new Name(token.text(), token.line());
        };
      }
      case STRING -> {
        StringBuilder text = new StringBuilder();
        while (peek().kind() == Kind.STRING) {
          text.append(next().text());
        }
        return new Constant(text.toString(), token.line());
      }
      case NUMBER -> {
        next();
        return new Constant(token.value(), token.line());
      }
      default -> {
        if (skipOperator("(")) {
          Expression value =
              peek().is(")") ? new TupleLiteral(List.of(), token.line()) : tuple(true, "");
          expectOperator(")");
          return value;
        }
        return token.is("[") ? list() : dict();
      }
    }
  }

  private Expression list() {
    int line = next().line();
    List<Expression> items = new ArrayList<>();
    while (!peek().is("]")) {
      items.add(expression());
      if (!skipOperator(",")) {
        break;
      }
    }
    expectOperator("]");
    return new ListLiteral(items, line);
  }

  private Expression dict() {
    int line = peek().line();
    if (!skipOperator("{")) {
      throw unexpected("an expression");
    }
    List<Expression> keys = new ArrayList<>();
    List<Expression> values = new ArrayList<>();
    while (!peek().is("}")) {
      keys.add(expression());
      expectOperator(":");
      values.add(expression());
      if (!skipOperator(",")) {
        break;
      }
    }
    expectOperator("}");
    return new DictLiteral(keys, values, line);
  }

  /** An operand with what follows it directly: attributes, subscripts and calls. */
  final Expression postfix(Expression start) {
    Expression value = start;
    while (true) {
      int line = peek().line();
      if (skipOperator(".")) {
        Token name = next();
        if (name.kind() == Kind.NUMBER && name.value() instanceof java.math.BigInteger) {
          value = new Item(value, new Constant(name.value(), line), line);
        } else if (name.kind() == Kind.NAME) {
          value = new Attribute(value, name.text(), line);
        } else {
          throw JinjaException.atLine(line, "expected a name or number after '.', found " + name);
        }
      } else if (skipOperator("[")) {
        value = subscript(value, line);
      } else if (peek().is("(")) {
        value = new Call(value, passed(), line);
      } else {
        return value;
      }
    }
  }

  private Expression subscript(Expression value, int line) {
    List<Expression> keys = new ArrayList<>();
    boolean tuple = false;
    while (!peek().is("]")) {
      Expression start = peek().is(":") ? null : expression();
      if (skipOperator(":")) {
        Expression stop = peek().is(":") || peek().is("]") ? null : expression();
        Expression step = skipOperator(":") && !peek().is("]") ? expression() : null;
        if (tuple || !skipOperator("]")) {
          throw unexpected("']' after a slice");
        }
        return new Slice(value, start, stop, step, line);
      }
      keys.add(start);
      if (!skipOperator(",")) {
        break;
      }
      tuple = true;
    }
    expectOperator("]");
    return new Item(value, keys.size() == 1 ? keys.get(0) : new TupleLiteral(keys, line), line);
  }

  final Passed passed() {
    int line = peek().line();
    expectOperator("(");
    List<Expression> positional = new ArrayList<>();
    List<String> keywords = new ArrayList<>();
    List<Expression> values = new ArrayList<>();
    Expression starred = null;
    Expression doubleStarred = null;
    while (!peek().is(")")) {
      boolean valid = doubleStarred == null;
      if (skipOperator("*")) {
        valid &= starred == null;
        starred = expression();
      } else if (skipOperator("**")) {
        doubleStarred = expression();
      } else if (peek().kind() == Kind.NAME && look().is("=")) {
        valid &= !keywords.contains(peek().text());
        keywords.add(next().text());
        next();
        values.add(expression());
      } else {
        valid &= starred == null && keywords.isEmpty();
        positional.add(expression());
      }
      if (!valid) {
        throw JinjaException.atLine(
            line, "the arguments of a call stand in a wrong order or twice");
      }
      if (!skipOperator(",")) {
        break;
      }
    }
    expectOperator(")");
    return new Passed(positional, keywords, values, starred, doubleStarred);
  }

  /** A value with the filters, tests and calls behind it. */
  final Expression filters(Expression start) {
    Expression value = start;
    while (true) {
      int line = peek().line();
      if (skipOperator("|")) {
        value = filter(value);
      } else if (skipName("is")) {
        value = test(value, line);
      } else if (peek().is("(")) {
        value = new Call(value, passed(), line);
      } else {
        return value;
      }
    }
  }

  /** A filter's name and arguments, behind its bar. */
  final Filter filter(Expression target) {
    int line = peek().line();
    String name = dotted();
    return new Filter(target, name, peek().is("(") ? passed() : Passed.NOTHING, line);
  }

  private String dotted() {
    StringBuilder name = new StringBuilder(expectName());
    while (skipOperator(".")) {
      name.append('.').append(expectName());
    }
    return name.toString();
  }

  private Expression test(Expression target, int line) {
    boolean negated = skipName("not");
    String name = dotted();
    Passed passed = Passed.NOTHING;
    if (peek().is("(")) {
      passed = passed();
    } else if (startsOperand()) {
      if (peek().isName("is")) {
        throw JinjaException.atLine(line, "tests with 'is' cannot be chained");
      }
      passed = new Passed(List.of(postfix(primary())), List.of(), List.of(), null, null);
    }
    Expression test = new Test(target, name, passed, line);
    return negated ? new Not(test, line) : test;
  }

  private boolean startsOperand() {
    Token token = peek();
    return switch (token.kind()) {
      case NAME ->
          !token.text().equals("else") && !token.text().equals("or") && !token.text().equals("and");
      case STRING, NUMBER -> true;
      default -> token.is("[") || token.is("{");
    };
  }
}
