package dev.questspark.engine.jinja.syntax;

import java.util.List;

/** The syntax tree of a template. */
public sealed interface Node {
  /** Line of the template, from 1. */
  int line();

  /** What has a value. */
  sealed interface Expression extends Node {}

  /** A number, a text, True, False or None. */
  record Constant(Object value, int line) implements Expression {}

  /** A variable, read or assigned. */
  record Name(String name, int line) implements Expression {}

  /** {@code (a, b)}; also what {@code for a, b in} and {@code set a, b =} assign to. */
  record TupleLiteral(List<Expression> items, int line) implements Expression {}

  /** {@code [a, b]}. */
  record ListLiteral(List<Expression> items, int line) implements Expression {}

  /** {@code {key: value}}. */
  record DictLiteral(List<Expression> keys, List<Expression> values, int line)
      implements Expression {}

  /** {@code target.name}; assigned to, a namespace's attribute. */
  record Attribute(Expression target, String name, int line) implements Expression {}

  /** {@code target[index]}. */
  record Item(Expression target, Expression index, int line) implements Expression {}

  /** {@code target[start:stop:step]}; an absent bound is null. */
  record Slice(Expression target, Expression start, Expression stop, Expression step, int line)
      implements Expression {}

  /** {@code target(...)}. */
  record Call(Expression target, Passed passed, int line) implements Expression {}

  /** {@code target|name(...)}; the target of a block's filter is null. */
  record Filter(Expression target, String name, Passed passed, int line) implements Expression {}

  /** {@code target is name(...)}. */
  record Test(Expression target, String name, Passed passed, int line) implements Expression {}

  /** {@code -a} or {@code +a}. */
  record Unary(String operator, Expression operand, int line) implements Expression {}

  /** {@code a + b} and the like. */
  record Binary(String operator, Expression left, Expression right, int line)
      implements Expression {}

  /** {@code a and b}, {@code a or b}. */
  record Logic(boolean and, Expression left, Expression right, int line) implements Expression {}

  /** {@code not a}. */
  record Not(Expression operand, int line) implements Expression {}

  /** {@code a ~ b ~ c}. */
  record Concat(List<Expression> parts, int line) implements Expression {}

  /** {@code a < b <= c}. */
  record Comparison(Expression first, List<String> operators, List<Expression> operands, int line)
      implements Expression {}

  /** {@code then if test else otherwise}; an absent else is null. */
  record Conditional(Expression test, Expression then, Expression otherwise, int line)
      implements Expression {}

  /** Arguments as written; an absent {@code *} or {@code **} is null. */
  record Passed(
      List<Expression> positional,
      List<String> keywords,
      List<Expression> values,
      Expression starred,
      Expression doubleStarred) {
    public static final Passed NOTHING = new Passed(List.of(), List.of(), List.of(), null, null);
  }

  /** What prints or assigns. */
  sealed interface Statement extends Node {}

  /** A frame of variables, or a branch of one. */
  record Block(List<Statement> statements) {}

  /** Text outside of tags. */
  record Data(String text, int line) implements Statement {}

  /** {@code {{ value }}}. */
  record Print(Expression value, int line) implements Statement {}

  /** {@code if}, {@code elif}; an absent {@code else} is an empty block. */
  record If(List<Expression> tests, List<Block> branches, Block otherwise, int line)
      implements Statement {}

  /** {@code for target in items if test}; an absent test is null. */
  record For(
      Expression target,
      Expression items,
      Expression test,
      boolean recursive,
      Block body,
      Block otherwise,
      int line)
      implements Statement {}

  /** {@code set target = value}. */
  record Assign(Expression target, Expression value, int line) implements Statement {}

  /** {@code set target|filter}; an absent filter is null. */
  record AssignBlock(Expression target, Filter filter, Block body, int line) implements Statement {}

  /** {@code macro name(...)}. */
  record Macro(String name, Signature signature, Block body, int line) implements Statement {}

  /** {@code call(...) target(...)}. */
  record CallBlock(Signature signature, Call call, Block body, int line) implements Statement {}

  /** {@code filter name}. */
  record FilterBlock(Filter filter, Block body, int line) implements Statement {}

  /** {@code with a = b}. */
  record With(List<Expression> targets, List<Expression> values, Block body, int line)
      implements Statement {}

  /** {@code generation}: marks the assistant's words for training, and is a frame of its own. */
  record Generation(Block body, int line) implements Statement {}

  /** {@code break}. */
  record Break(int line) implements Statement {}

  /** {@code continue}. */
  record Continue(int line) implements Statement {}

  /** A macro's parameters; the last ones have the defaults. */
  record Signature(List<String> parameters, List<Expression> defaults) {
    /** The default of a parameter, or null. */
    public Expression defaultOf(int parameter) {
      int at = parameter - parameters.size() + defaults.size();
      return at < 0 ? null : defaults.get(at);
    }
  }
}
