package dev.questspark.engine.jinja;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.python.Arguments;
import dev.questspark.engine.jinja.python.Python;
import dev.questspark.engine.jinja.python.Text;
import dev.questspark.engine.jinja.python.Value;
import dev.questspark.engine.jinja.python.Value.Function;
import dev.questspark.engine.jinja.python.Value.Generator;
import dev.questspark.engine.jinja.syntax.Names;
import dev.questspark.engine.jinja.syntax.Node.Assign;
import dev.questspark.engine.jinja.syntax.Node.AssignBlock;
import dev.questspark.engine.jinja.syntax.Node.Block;
import dev.questspark.engine.jinja.syntax.Node.Break;
import dev.questspark.engine.jinja.syntax.Node.CallBlock;
import dev.questspark.engine.jinja.syntax.Node.Data;
import dev.questspark.engine.jinja.syntax.Node.Filter;
import dev.questspark.engine.jinja.syntax.Node.FilterBlock;
import dev.questspark.engine.jinja.syntax.Node.For;
import dev.questspark.engine.jinja.syntax.Node.Generation;
import dev.questspark.engine.jinja.syntax.Node.If;
import dev.questspark.engine.jinja.syntax.Node.Macro;
import dev.questspark.engine.jinja.syntax.Node.Print;
import dev.questspark.engine.jinja.syntax.Node.Signature;
import dev.questspark.engine.jinja.syntax.Node.Statement;
import dev.questspark.engine.jinja.syntax.Node.TupleLiteral;
import dev.questspark.engine.jinja.syntax.Node.With;
import java.util.Iterator;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Set;

/** Executes statements, once through a template. */
final class Renderer {
  /** Turns of loops and calls of macros within one rendering; more is a template that runs away. */
  private static final int MAX_STEPS = 5_000_000;

  /** Macros within each other; Python's own stack ends at about 190. */
  private static final int MAX_MACROS = 100;

  private static final Arguments.Parameters ITEMS = Arguments.Parameters.parse("loop(iterable)");

  private enum Flow {
    ON,
    BREAK,
    CONTINUE
  }

  private final Map<Block, Set<String>> hidden;
  private int steps;
  private int macros;

  Renderer(Map<Block, Set<String>> hidden) {
    this.hidden = hidden;
  }

  /** The whole template's text. */
  String render(Block template, Frame context) {
    return text(template, context.inner()).text;
  }

  private record Output(String text, Flow flow) {}

  /** A block's text, in a frame of its own that may hold parameters already. */
  private Output text(Block block, Frame frame) {
    StringBuilder out = new StringBuilder();
    Flow flow = inFrame(block, frame, out);
    return new Output(out.toString(), flow);
  }

  private Flow inFrame(Block block, Frame frame, StringBuilder out) {
    hidden.get(block).forEach(name -> frame.set(name, Value.ABSENT));
    return run(block, frame, out);
  }

  private Flow run(Block block, Frame frame, StringBuilder out) {
    for (Statement statement : block.statements()) {
      Flow flow;
      try {
        flow = run(statement, frame, out);
      } catch (JinjaException e) {
        throw e.at(statement.line());
      }
      if (flow != Flow.ON) {
        return flow;
      }
    }
    return Flow.ON;
  }

  private Flow run(Statement statement, Frame frame, StringBuilder out) {
    if (statement instanceof Data data) {
      print(data.text(), out);
    } else if (statement instanceof Print print) {
      print(Text.str(Evaluator.evaluate(print.value(), frame)), out);
    } else if (statement instanceof If node) {
      return branch(node, frame, out);
    } else if (statement instanceof Assign assign) {
      Evaluator.assign(assign.target(), Evaluator.evaluate(assign.value(), frame), frame);
    } else if (statement instanceof For loop) {
      if (!loop.recursive()) {
        return loop(loop, Evaluator.evaluate(loop.items(), frame), Optional.empty(), 0, frame, out);
      }
      print(
          Text.str(
              recursion(loop, frame, 0)
                  .call(Arguments.of(Evaluator.evaluate(loop.items(), frame)))),
          out);
    } else if (statement instanceof Macro macro) {
      frame.set(macro.name(), macro(macro.name(), macro.signature(), macro.body(), frame));
    } else if (statement instanceof AssignBlock assign) {
      Frame inner = frame.inner();
      Output body = text(assign.body(), inner);
      if (body.flow != Flow.ON) {
        return body.flow;
      }
      Object value =
          assign.filter() == null ? body.text : filtered(assign.filter(), body.text, inner);
      Evaluator.assign(assign.target(), value, frame);
    } else if (statement instanceof FilterBlock filter) {
      Frame inner = frame.inner();
      Output body = text(filter.body(), inner);
      if (body.flow != Flow.ON) {
        return body.flow;
      }
      print(Text.str(filtered(filter.filter(), body.text, inner)), out);
    } else if (statement instanceof CallBlock call) {
      MacroFunction caller = macro("caller", call.signature(), call.body(), frame);
      print(Text.str(Evaluator.call(call.call(), frame, Map.of("caller", caller))), out);
    } else if (statement instanceof With with) {
      return with(with, frame, out);
    } else if (statement instanceof Generation generation) {
      print(text(generation.body(), frame.inner()).text, out);
    } else {
      return statement instanceof Break ? Flow.BREAK : Flow.CONTINUE;
    }
    return Flow.ON;
  }

  private static void print(String text, StringBuilder out) {
    Python.checkSize((long) out.length() + text.length());
    out.append(text);
  }

  private static Object filtered(Filter filter, String text, Frame frame) {
    Object target = filter.target() instanceof Filter inner ? filtered(inner, text, frame) : text;
    return Evaluator.filter(filter, target, frame);
  }

  private Flow branch(If node, Frame frame, StringBuilder out) {
    for (int i = 0; i < node.tests().size(); i++) {
      if (Python.truth(Evaluator.evaluate(node.tests().get(i), frame))) {
        return run(node.branches().get(i), frame, out);
      }
    }
    return run(node.otherwise(), frame, out);
  }

  private Flow with(With with, Frame frame, StringBuilder out) {
    Frame inner = frame.inner();
    for (int i = 0; i < with.targets().size(); i++) {
      Evaluator.assign(
          with.targets().get(i), Evaluator.evaluate(with.values().get(i), frame), inner);
    }
    return inFrame(with.body(), inner, out);
  }

  private void step() {
    if (++steps > MAX_STEPS) {
      throw new JinjaException(
          "the template runs more than " + MAX_STEPS + " turns of loops and macros");
    }
  }

  /** What {@code loop(items)} does: the body once more, one level deeper. */
  private Function recursion(For loop, Frame frame, int depth0) {
    return arguments -> {
      step();
      StringBuilder out = new StringBuilder();
      Object items = arguments.bind(ITEMS)[0];
      loop(loop, items, Optional.of(recursion(loop, frame, depth0 + 1)), depth0, frame, out);
      return out.toString();
    };
  }

  private Flow loop(
      For node,
      Object items,
      Optional<Function> recursion,
      int depth0,
      Frame frame,
      StringBuilder out) {
    Object chosen =
        node.test() == null ? items : new Generator("generator", chosen(node, items, frame));
    Loop loop = new Loop(chosen, recursion, depth0);
    boolean noTurnEnded = true;
    while (loop.hasNext()) {
      step();
      Object item = loop.next();
      Frame turn = frame.inner();
      turn.set("loop", loop);
      Evaluator.assign(node.target(), item, turn);
      Flow flow = inFrame(node.body(), turn, out);
      if (flow == Flow.BREAK) {
        break;
      }
      noTurnEnded &= flow != Flow.ON; // else runs if no turn came to its end, as in Jinja
    }
    return noTurnEnded ? inFrame(node.otherwise(), frame.inner(), out) : Flow.ON;
  }

  private Iterator<Object> chosen(For node, Object items, Frame frame) {
    Iterator<Object> all = Python.iterate(items);
    return new Iterator<>() {
      private Object ahead = Value.ABSENT;

      @Override
      public boolean hasNext() {
        while (ahead == Value.ABSENT && all.hasNext()) {
          step();
          Object item = all.next();
          Frame test = frame.inner();
          Evaluator.assign(node.target(), item, test);
          if (Python.truth(Evaluator.evaluate(node.test(), test))) {
            ahead =
                node.target() instanceof TupleLiteral
                    ? Evaluator.evaluate(node.target(), test)
                    : item;
          }
        }
        return ahead != Value.ABSENT;
      }

      @Override
      public Object next() {
        if (!hasNext()) {
          throw new NoSuchElementException();
        }
        Object item = ahead;
        ahead = Value.ABSENT;
        return item;
      }
    };
  }

  /** A macro, or the body of a call block, which sees the frame it stands in. */
  private MacroFunction macro(String name, Signature signature, Block body, Frame frame) {
    return new MacroFunction(
        name, signature, Names.special(body), frame, inner -> called(body, inner));
  }

  private String called(Block body, Frame inner) {
    step();
    if (++macros > MAX_MACROS) {
      throw new JinjaException("macros call each other more than " + MAX_MACROS + " levels deep");
    }
    String text = text(body, inner).text;
    macros--;
    return text;
  }
}
