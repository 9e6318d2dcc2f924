package dev.questspark.engine.jinja.syntax;

import dev.questspark.engine.jinja.syntax.Lexer.Kind;
import dev.questspark.engine.jinja.syntax.Lexer.Token;
import dev.questspark.engine.jinja.syntax.Node.Binary;
import dev.questspark.engine.jinja.syntax.Node.Comparison;
import dev.questspark.engine.jinja.syntax.Node.Concat;
import dev.questspark.engine.jinja.syntax.Node.Conditional;
import dev.questspark.engine.jinja.syntax.Node.Expression;
import dev.questspark.engine.jinja.syntax.Node.Logic;
import dev.questspark.engine.jinja.syntax.Node.Not;
import dev.questspark.engine.jinja.syntax.Node.TupleLiteral;
import dev.questspark.engine.jinja.syntax.Node.Unary;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Reads expressions: operators and tuples, by recursive descent with the precedence of {@code
 * jinja2.parser}.
 */
class ExpressionParser extends OperandParser {
  private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");
  private static final Set<String> PRODUCTS = Set.of("*", "/", "//", "%");

  ExpressionParser(List<Token> tokens) {
    super(tokens);
  }

  @Override
  final Expression expression() {
    enter();
    int line = peek().line();
    Expression value = or();
    while (skipName("if")) {
      Expression test = or();
      Expression otherwise = skipName("else") ? expression() : null;
      value = new Conditional(test, value, otherwise, line);
    }
    leave();
    return value;
  }

  @Override
  final Expression tuple(boolean conditional, String end) {
    int line = peek().line();
    List<Expression> items = new ArrayList<>();
    boolean tuple = false;
    while (!tupleEnds(end)) {
      items.add(conditional ? expression() : or());
      if (!skipOperator(",")) {
        break;
      }
      tuple = true;
    }
    if (items.isEmpty()) {
      throw unexpected("an expression");
    }
    return tuple ? new TupleLiteral(items, line) : items.get(0);
  }

  final boolean tupleEnds(String end) {
    Kind kind = peek().kind();
    return kind == Kind.VARIABLE_END
        || kind == Kind.BLOCK_END
        || peek().is(")")
        || !end.isEmpty() && peek().isName(end);
  }

  private Expression or() {
    int line = peek().line();
    Expression left = and();
    while (skipName("or")) {
      left = new Logic(false, left, and(), line);
    }
    return left;
  }

  private Expression and() {
    int line = peek().line();
    Expression left = not();
    while (skipName("and")) {
      left = new Logic(true, left, not(), line);
    }
    return left;
  }

  private Expression not() {
    int line = peek().line();
    if (!skipName("not")) {
      return comparison();
    }
    enter();
    Expression operand = not();
    leave();
    return new Not(operand, line);
  }

  private Expression comparison() {
    int line = peek().line();
    Expression first = sum();
    List<String> operators = new ArrayList<>();
    List<Expression> operands = new ArrayList<>();
    while (true) {
      if (peek().kind() == Kind.OPERATOR && COMPARISONS.contains(peek().text())) {
        operators.add(next().text());
      } else if (skipName("in")) {
        operators.add("in");
      } else if (peek().isName("not") && look().isName("in")) {
        next();
        next();
        operators.add("not in");
      } else {
        return operators.isEmpty() ? first : new Comparison(first, operators, operands, line);
      }
      operands.add(sum());
    }
  }

  private Expression sum() {
    int line = peek().line();
    Expression left = concat();
    while (peek().is("+") || peek().is("-")) {
      left = new Binary(next().text(), left, concat(), line);
    }
    return left;
  }

  private Expression concat() {
    int line = peek().line();
    List<Expression> parts = new ArrayList<>();
    do {
      parts.add(product());
    } while (skipOperator("~"));
    return parts.size() == 1 ? parts.get(0) : new Concat(parts, line);
  }

  private Expression product() {
    int line = peek().line();
    Expression left = power();
    while (peek().kind() == Kind.OPERATOR && PRODUCTS.contains(peek().text())) {
      left = new Binary(next().text(), left, power(), line);
    }
    return left;
  }

  /** To the left, unlike Python's own. */
  private Expression power() {
    int line = peek().line();
    Expression left = unary(true);
    while (skipOperator("**")) {
      left = new Binary("**", left, unary(true), line);
    }
    return left;
  }

  private Expression unary(boolean filtered) {
    int line = peek().line();
    Expression value;
    if (peek().is("-") || peek().is("+")) {
      enter();
      value = new Unary(next().text(), unary(false), line);
      leave();
    } else {
      value = primary();
    }
    value = postfix(value);
    return filtered ? filters(value) : value;
  }
}
