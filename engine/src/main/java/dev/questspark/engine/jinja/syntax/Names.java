package dev.questspark.engine.jinja.syntax;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.syntax.Node.Assign;
import dev.questspark.engine.jinja.syntax.Node.AssignBlock;
import dev.questspark.engine.jinja.syntax.Node.Attribute;
import dev.questspark.engine.jinja.syntax.Node.Binary;
import dev.questspark.engine.jinja.syntax.Node.Block;
import dev.questspark.engine.jinja.syntax.Node.Call;
import dev.questspark.engine.jinja.syntax.Node.CallBlock;
import dev.questspark.engine.jinja.syntax.Node.Comparison;
import dev.questspark.engine.jinja.syntax.Node.Concat;
import dev.questspark.engine.jinja.syntax.Node.Conditional;
import dev.questspark.engine.jinja.syntax.Node.DictLiteral;
import dev.questspark.engine.jinja.syntax.Node.Expression;
import dev.questspark.engine.jinja.syntax.Node.Filter;
import dev.questspark.engine.jinja.syntax.Node.FilterBlock;
import dev.questspark.engine.jinja.syntax.Node.For;
import dev.questspark.engine.jinja.syntax.Node.Generation;
import dev.questspark.engine.jinja.syntax.Node.If;
import dev.questspark.engine.jinja.syntax.Node.Item;
import dev.questspark.engine.jinja.syntax.Node.ListLiteral;
import dev.questspark.engine.jinja.syntax.Node.Logic;
import dev.questspark.engine.jinja.syntax.Node.Macro;
import dev.questspark.engine.jinja.syntax.Node.Name;
import dev.questspark.engine.jinja.syntax.Node.Not;
import dev.questspark.engine.jinja.syntax.Node.Passed;
import dev.questspark.engine.jinja.syntax.Node.Print;
import dev.questspark.engine.jinja.syntax.Node.Signature;
import dev.questspark.engine.jinja.syntax.Node.Slice;
import dev.questspark.engine.jinja.syntax.Node.Statement;
import dev.questspark.engine.jinja.syntax.Node.Test;
import dev.questspark.engine.jinja.syntax.Node.TupleLiteral;
import dev.questspark.engine.jinja.syntax.Node.Unary;
import dev.questspark.engine.jinja.syntax.Node.With;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/** The names within expressions and statements. */
public final class Names {
  /** What a macro has without declaring it, if its body mentions it. */
  private final Set<String> wanted = new LinkedHashSet<>(List.of("caller", "kwargs", "varargs"));

  private final Set<String> found = new LinkedHashSet<>();

  private Names() {}

  /** All variables that an expression reads. */
  static Set<String> of(Expression expression) {
    Set<String> names = new LinkedHashSet<>();
    collect(expression, names);
    return names;
  }

  private static void collect(Expression expression, Set<String> names) {
    if (expression instanceof Name name) {
      names.add(name.name());
    }
    children(expression).forEach(child -> collect(child, names));
  }

  /** Refuses unknown filters and tests; {@code soft} leaves that to the time when they run. */
  static void check(Expression expression, Vocabulary known, boolean soft) {
    boolean lenient = soft || expression instanceof Conditional;
    if (expression instanceof Filter filter && !lenient && !known.hasFilter(filter.name())) {
      throw JinjaException.atLine(filter.line(), "the filter '" + filter.name() + "' is not known");
    } else if (expression instanceof Test test && !lenient && !known.hasTest(test.name())) {
      throw JinjaException.atLine(test.line(), "the test '" + test.name() + "' is not known");
    }
    children(expression).forEach(child -> check(child, known, lenient));
  }

  private static List<Expression> children(Expression expression) {
    if (expression instanceof TupleLiteral tuple) {
      return tuple.items();
    } else if (expression instanceof ListLiteral list) {
      return list.items();
    } else if (expression instanceof DictLiteral dict) {
      return joined(dict.keys(), dict.values());
    } else if (expression instanceof Attribute attribute) {
      return List.of(attribute.target());
    } else if (expression instanceof Item item) {
      return List.of(item.target(), item.index());
    } else if (expression instanceof Slice slice) {
      return present(slice.target(), slice.start(), slice.stop(), slice.step());
    } else if (expression instanceof Call call) {
      return passed(call.target(), call.passed());
    } else if (expression instanceof Filter filter) {
      return passed(filter.target(), filter.passed());
    } else if (expression instanceof Test test) {
      return passed(test.target(), test.passed());
    } else if (expression instanceof Unary unary) {
      return List.of(unary.operand());
    } else if (expression instanceof Not not) {
      return List.of(not.operand());
    } else if (expression instanceof Binary binary) {
      return List.of(binary.left(), binary.right());
    } else if (expression instanceof Logic logic) {
      return List.of(logic.left(), logic.right());
    } else if (expression instanceof Concat concat) {
      return concat.parts();
    } else if (expression instanceof Comparison comparison) {
      return joined(List.of(comparison.first()), comparison.operands());
    } else if (expression instanceof Conditional conditional) {
      return present(conditional.test(), conditional.then(), conditional.otherwise());
    }
    return List.of();
  }

  private static List<Expression> joined(List<Expression> a, List<Expression> b) {
    List<Expression> all = new ArrayList<>(a);
    all.addAll(b);
    return all;
  }

  private static List<Expression> present(Expression... expressions) {
    return Arrays.stream(expressions).filter(Objects::nonNull).toList();
  }

  private static List<Expression> passed(Expression target, Passed passed) {
    List<Expression> all = new ArrayList<>(present(target));
    all.addAll(passed.positional());
    all.addAll(passed.values());
    all.addAll(present(passed.starred(), passed.doubleStarred()));
    return all;
  }

  /** Which of caller, kwargs and varargs a macro's body reads before it assigns them. */
  public static Set<String> special(Block body) {
    Names names = new Names();
    names.visit(body);
    return names.found;
  }

  private void read(Expression expression) {
    for (String name : of(expression)) {
      if (wanted.contains(name)) {
        found.add(name);
      }
    }
  }

  private void write(Expression target) {
    if (target instanceof Attribute attribute) {
      read(attribute.target());
    } else {
      wanted.removeAll(of(target));
    }
  }

  private void signature(Signature signature) {
    wanted.removeAll(signature.parameters());
    signature.defaults().forEach(this::read);
  }

  private void visit(Block block) {
    for (Statement statement : block.statements()) {
      if (statement instanceof Print print) {
        read(print.value());
      } else if (statement instanceof If node) {
        node.tests().forEach(this::read);
        node.branches().forEach(this::visit);
        visit(node.otherwise());
      } else if (statement instanceof For loop) {
        write(loop.target());
        read(loop.items());
        visit(loop.body());
        visit(loop.otherwise());
        if (loop.test() != null) {
          read(loop.test());
        }
      } else if (statement instanceof Assign assign) {
        write(assign.target());
        read(assign.value());
      } else if (statement instanceof AssignBlock assign) {
        write(assign.target());
        if (assign.filter() != null) {
          read(assign.filter());
        }
        visit(assign.body());
      } else if (statement instanceof Macro macro) {
        signature(macro.signature());
        visit(macro.body());
      } else if (statement instanceof CallBlock call) {
        read(call.call());
        signature(call.signature());
        visit(call.body());
      } else if (statement instanceof FilterBlock filter) {
        visit(filter.body());
        read(filter.filter());
      } else if (statement instanceof With with) {
        with.targets().forEach(this::write);
        with.values().forEach(this::read);
        visit(with.body());
      } else if (statement instanceof Generation generation) {
        visit(generation.body());
      }
    }
  }
}
