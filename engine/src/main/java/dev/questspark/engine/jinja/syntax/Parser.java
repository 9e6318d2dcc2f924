package dev.questspark.engine.jinja.syntax;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.syntax.Lexer.Kind;
import dev.questspark.engine.jinja.syntax.Lexer.Token;
import dev.questspark.engine.jinja.syntax.Node.Assign;
import dev.questspark.engine.jinja.syntax.Node.AssignBlock;
import dev.questspark.engine.jinja.syntax.Node.Block;
import dev.questspark.engine.jinja.syntax.Node.Break;
import dev.questspark.engine.jinja.syntax.Node.Call;
import dev.questspark.engine.jinja.syntax.Node.CallBlock;
import dev.questspark.engine.jinja.syntax.Node.Continue;
import dev.questspark.engine.jinja.syntax.Node.Data;
import dev.questspark.engine.jinja.syntax.Node.Expression;
import dev.questspark.engine.jinja.syntax.Node.Filter;
import dev.questspark.engine.jinja.syntax.Node.FilterBlock;
import dev.questspark.engine.jinja.syntax.Node.For;
import dev.questspark.engine.jinja.syntax.Node.Generation;
import dev.questspark.engine.jinja.syntax.Node.If;
import dev.questspark.engine.jinja.syntax.Node.Macro;
import dev.questspark.engine.jinja.syntax.Node.Print;
import dev.questspark.engine.jinja.syntax.Node.Signature;
import dev.questspark.engine.jinja.syntax.Node.Statement;
import dev.questspark.engine.jinja.syntax.Node.With;
import java.util.ArrayList;
import java.util.List;

/** Reads a template into its tree. */
public final class Parser extends DeclarationParser {
  private Parser(List<Token> tokens) {
    super(tokens);
  }

  public static Block parse(String template) {
    Parser parser = new Parser(Lexer.tokens(template));
    Block block = parser.body();
    if (parser.peek().kind() != Kind.END) {
      throw JinjaException.atLine(
          parser.peek().line(),
          "'"
              + parser.look().text()
              + "' closes or continues nothing, or is no tag that chat templates know");
    }
    return block;
  }

  /** Statements up to a tag that no statement begins with, or to the end. */
  private Block body() {
    List<Statement> statements = new ArrayList<>();
    enter();
    while (true) {
      Token token = peek();
      switch (token.kind()) {
        case DATA -> statements.add(new Data(next().text(), token.line()));
        case VARIABLE_BEGIN -> {
          next();
          statements.add(new Print(tuple(true, ""), token.line()));
          if (peek().kind() != Kind.VARIABLE_END) {
            throw unexpected("'}}'");
          }
          next();
        }
        case BLOCK_BEGIN -> {
          if (!beginsStatement(look())) {
            leave();
            return new Block(statements);
          }
          next();
          statement(statements);
          expectBlockEnd();
        }
        default -> {
          leave();
          return new Block(statements);
        }
      }
    }
  }

  private void expectBlockEnd() {
    if (peek().kind() != Kind.BLOCK_END) {
      throw unexpected("'%}'");
    }
    next();
  }

  private static boolean beginsStatement(Token token) {
    if (token.kind() != Kind.NAME) {
      throw JinjaException.atLine(token.line(), "expected a tag's name, found " + token);
    }
    return switch (token.text()) {
      case "for",
          "if",
          "set",
          "macro",
          "call",
          "filter",
          "with",
          "generation",
          "break",
          "continue",
          "print" ->
          true;
      case "include", "import", "from", "extends", "block", "autoescape" ->
          throw JinjaException.atLine(
              token.line(), "{% " + token.text() + " %} is not supported in a chat template");
      default -> false;
    };
  }

  private void statement(List<Statement> statements) {
    Token tag = next();
    int line = tag.line();
    switch (tag.text()) {
      case "for" -> statements.add(forLoop(line));
      case "if" -> statements.add(branches(line));
      case "set" -> statements.add(assignment(line));
      case "macro" -> {
        String name = expectName();
        Signature signature = signature();
        statements.add(new Macro(name, signature, bodyUntil("endmacro", line), line));
      }
      case "call" -> {
        Signature signature = peek().is("(") ? signature() : new Signature(List.of(), List.of());
        if (!(expression() instanceof Call call)) {
          throw JinjaException.atLine(line, "{% call %} needs a call");
        }
        statements.add(new CallBlock(signature, call, bodyUntil("endcall", line), line));
      }
      case "filter" -> {
        Filter filter = filterChain(filter(null));
        statements.add(new FilterBlock(filter, bodyUntil("endfilter", line), line));
      }
      case "with" -> statements.add(with(line));
      case "generation" -> statements.add(new Generation(bodyUntil("endgeneration", line), line));
      case "break" -> statements.add(new Break(line));
      case "continue" -> statements.add(new Continue(line));
      default -> { // print
        while (peek().kind() != Kind.BLOCK_END) {
          statements.add(new Print(expression(), line));
          if (!skipOperator(",")) {
            break;
          }
        }
      }
    }
  }

  private Filter filterChain(Filter first) {
    Filter filter = first;
    while (skipOperator("|")) {
      filter = filter(filter);
    }
    return filter;
  }

  /** What stands between a tag and its end; leaves the end's own closing to the caller. */
  private Block bodyUntil(String end, int line) {
    openBody();
    Block block = body();
    expectTag(end, line);
    return block;
  }

  private void openBody() {
    skipOperator(":");
    expectBlockEnd();
  }

  private String expectTag(String end, int line) {
    if (peek().kind() == Kind.END) {
      throw JinjaException.atLine(
          line, "the tag of this line is never closed; add {% " + end + " %}");
    }
    next();
    if (!peek().isName(end)) {
      throw unexpected("'" + end + "' for the tag of line " + line);
    }
    return next().text();
  }

  private For forLoop(int line) {
    Expression target = target("in", false);
    if (!skipName("in")) {
      throw unexpected("'in'");
    }
    Expression items = tuple(false, "recursive");
    Expression test = skipName("if") ? expression() : null;
    boolean recursive = skipName("recursive");
    openBody();
    Block body = body();
    Block otherwise = new Block(List.of());
    if (peek().kind() == Kind.BLOCK_BEGIN && look().isName("else")) {
      next();
      next();
      openBody();
      otherwise = body();
    }
    expectTag("endfor", line);
    return new For(target, items, test, recursive, body, otherwise, line);
  }

  private If branches(int line) {
    List<Expression> tests = new ArrayList<>();
    List<Block> branches = new ArrayList<>();
    Block otherwise = new Block(List.of());
    tests.add(tuple(false, ""));
    openBody();
    branches.add(body());
    while (peek().kind() == Kind.BLOCK_BEGIN && look().isName("elif")) {
      next();
      next();
      tests.add(tuple(false, ""));
      openBody();
      branches.add(body());
    }
    if (peek().kind() == Kind.BLOCK_BEGIN && look().isName("else")) {
      next();
      next();
      openBody();
      otherwise = body();
    }
    expectTag("endif", line);
    return new If(tests, branches, otherwise, line);
  }

  private Statement assignment(int line) {
    Expression target = target("", true);
    if (skipOperator("=")) {
      return new Assign(target, tuple(true, ""), line);
    }
    Filter filter = skipOperator("|") ? filterChain(filter(null)) : null;
    return new AssignBlock(target, filter, bodyUntil("endset", line), line);
  }

  private With with(int line) {
    List<Expression> targets = new ArrayList<>();
    List<Expression> values = new ArrayList<>();
    while (peek().kind() != Kind.BLOCK_END && !peek().is(":")) {
      if (!targets.isEmpty()) {
        expectOperator(",");
      }
      targets.add(oneTarget(false));
      expectOperator("=");
      values.add(expression());
    }
    return new With(targets, values, bodyUntil("endwith", line), line);
  }
}
