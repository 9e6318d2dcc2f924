package dev.questspark.engine.jinja.syntax;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.syntax.Lexer.Kind;
import dev.questspark.engine.jinja.syntax.Lexer.Token;
import java.util.List;

/** A place in the tokens of a template, and how deep the parser is there. */
class TokenCursor {
  /** Brackets, operators and blocks within each other; Python gives up earlier. */
  private static final int MAX_DEPTH = 150;

  private final List<Token> tokens;
  private int at;
  private int depth;

  TokenCursor(List<Token> tokens) {
    this.tokens = tokens;
  }

  final Token peek() {
    return tokens.get(at);
  }

  final Token look() {
    return tokens.get(Math.min(at + 1, tokens.size() - 1));
  }

  final Token next() {
    Token token = tokens.get(at);
    at = Math.min(at + 1, tokens.size() - 1);
    return token;
  }

  final boolean skipOperator(String operator) {
    boolean found = peek().is(operator);
    if (found) {
      next();
    }
    return found;
  }

  final boolean skipName(String name) {
    boolean found = peek().isName(name);
    if (found) {
      next();
    }
    return found;
  }

  final void expectOperator(String operator) {
    if (!skipOperator(operator)) {
      throw unexpected("'" + operator + "'");
    }
  }

  final String expectName() {
    if (peek().kind() != Kind.NAME) {
      throw unexpected("a name");
    }
    return next().text();
  }

  final JinjaException unexpected(String expected) {
    return JinjaException.atLine(peek().line(), "expected " + expected + ", found " + peek());
  }

  /** One level deeper; every recursion passes here. */
  final void enter() {
    if (++depth > MAX_DEPTH) {
      throw JinjaException.atLine(peek().line(), "nested more than " + MAX_DEPTH + " levels deep");
    }
  }

  final void leave() {
    depth--;
  }
}
