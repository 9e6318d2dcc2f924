package dev.questspark.engine.jinja.syntax;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.syntax.Lexer.Kind;
import dev.questspark.engine.jinja.syntax.Lexer.Token;
import dev.questspark.engine.jinja.syntax.Node.Attribute;
import dev.questspark.engine.jinja.syntax.Node.Expression;
import dev.questspark.engine.jinja.syntax.Node.Name;
import dev.questspark.engine.jinja.syntax.Node.Signature;
import dev.questspark.engine.jinja.syntax.Node.TupleLiteral;
import java.util.ArrayList;
import java.util.List;

/** Reads what declares variables: the targets of assignments, and the parameters of macros. */
class DeclarationParser extends ExpressionParser {
  DeclarationParser(List<Token> tokens) {
    super(tokens);
  }

  /** A macro's parameters in their parentheses. */
  final Signature signature() {
    expectOperator("(");
    List<String> parameters = new ArrayList<>();
    List<Expression> defaults = new ArrayList<>();
    while (!peek().is(")")) {
      if (!parameters.isEmpty()) {
        expectOperator(",");
      }
      String parameter = expectName();
      if (parameters.contains(parameter)) {
        throw JinjaException.atLine(
            peek().line(), "the parameter '" + parameter + "' stands twice");
      }
      parameters.add(parameter);
      if (skipOperator("=")) {
        defaults.add(expression());
      } else if (!defaults.isEmpty()) {
        throw unexpected("a default, as the parameter before has one");
      }
    }
    expectOperator(")");
    return new Signature(parameters, defaults);
  }

  /** What is assigned to: a name, a namespace's attribute, or several of them. */
  final Expression target(String end, boolean namespace) {
    int line = peek().line();
    List<Expression> targets = new ArrayList<>();
    boolean tuple = false;
    while (!tupleEnds(end) && !(tuple && peek().is("="))) {
      targets.add(oneTarget(namespace));
      if (!skipOperator(",")) {
        break;
      }
      tuple = true;
    }
    if (targets.isEmpty()) {
      throw unexpected("a name to assign to");
    }
    return tuple ? new TupleLiteral(targets, line) : targets.get(0);
  }

  /** One name, or several in parentheses. */
  final Expression oneTarget(boolean namespace) {
    Token token = peek();
    if (token.is("(")) {
      next();
      enter();
      Expression target = target("", false);
      leave();
      expectOperator(")");
      return target;
    }
    Expression target = token.kind() == Kind.NAME ? primary() : null;
    if (!(target instanceof Name name)) {
      throw JinjaException.atLine(token.line(), "cannot assign to " + token);
    }
    if (namespace && skipOperator(".")) {
      return new Attribute(name, expectName(), token.line());
    }
    return name;
  }
}
