package dev.questspark.engine.jinja.syntax;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.syntax.Node.Assign;
import dev.questspark.engine.jinja.syntax.Node.AssignBlock;
import dev.questspark.engine.jinja.syntax.Node.Attribute;
import dev.questspark.engine.jinja.syntax.Node.Block;
import dev.questspark.engine.jinja.syntax.Node.Break;
import dev.questspark.engine.jinja.syntax.Node.CallBlock;
import dev.questspark.engine.jinja.syntax.Node.Continue;
import dev.questspark.engine.jinja.syntax.Node.Expression;
import dev.questspark.engine.jinja.syntax.Node.FilterBlock;
import dev.questspark.engine.jinja.syntax.Node.For;
import dev.questspark.engine.jinja.syntax.Node.Generation;
import dev.questspark.engine.jinja.syntax.Node.If;
import dev.questspark.engine.jinja.syntax.Node.Macro;
import dev.questspark.engine.jinja.syntax.Node.Name;
import dev.questspark.engine.jinja.syntax.Node.Print;
import dev.questspark.engine.jinja.syntax.Node.Signature;
import dev.questspark.engine.jinja.syntax.Node.Statement;
import dev.questspark.engine.jinja.syntax.Node.TupleLiteral;
import dev.questspark.engine.jinja.syntax.Node.With;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What Jinja's compiler knows of names before a template runs ({@code jinja2.idtracking}).
 *
 * <p>A name that its frame first mentions by assigning it, and that no outer frame mentions, is
 * local from the frame's beginning: a loop or macro before the assignment sees it undefined, even
 * if the caller passed a variable of that name. Also refuses what the compiler refuses: unknown
 * filters and tests (but those within an {@code if} only when they run), {@code break} outside of a
 * loop, and a {@code loop} that is assigned.
 */
public final class Symbols {
  /** Names hidden at the beginning of each frame. */
  private final Map<Block, Set<String>> hidden;

  private final Vocabulary known;
  private final Symbols parent;
  private final Set<String> mentioned = new HashSet<>();
  private final Set<String> stored = new HashSet<>();
  private final Set<String> local = new HashSet<>();
  private final Set<String> parameters = new HashSet<>();

  private Symbols(Symbols parent, Vocabulary known, Map<Block, Set<String>> hidden) {
    this.parent = parent;
    this.known = known;
    this.hidden = hidden;
  }

  /** Hidden names by frame, of a whole template that may name what is {@code known}. */
  public static Map<Block, Set<String>> hiddenNames(Block template, Vocabulary known) {
    Map<Block, Set<String>> hidden = new IdentityHashMap<>();
    new Symbols(null, known, hidden).frame(template, new Place(false, false, false));
    return hidden;
  }

  /** Where a statement stands: within an if, within a loop of its function, within any loop. */
  private record Place(boolean soft, boolean breakable, boolean looped) {
    Place hard() {
      return new Place(false, breakable, looped);
    }

    Place function() {
      return new Place(false, false, looped);
    }

    Place softened() {
      return new Place(true, breakable, looped);
    }
  }

  private boolean mentionedHereOrOutside(String name) {
    return mentioned.contains(name) || parent != null && parent.mentionedHereOrOutside(name);
  }

  private void load(Set<String> names) {
    for (String name : names) {
      if (!mentionedHereOrOutside(name)) {
        mentioned.add(name);
      }
    }
  }

  private void store(String name) {
    stored.add(name);
    if (mentioned.add(name) && (parent == null || !parent.mentionedHereOrOutside(name))) {
      local.add(name);
    }
  }

  private void parameter(String name) {
    stored.add(name);
    mentioned.add(name);
    parameters.add(name);
    local.remove(name);
  }

  /** The branches of an if: what only some of them assign keeps its outer value. */
  private void branch(If node, Place place) {
    load(Names.of(node.tests().get(0)));
    Set<String> newlyStored = new HashSet<>();
    Symbols[] branches = new Symbols[node.branches().size() + 1];
    for (int i = 0; i < branches.length; i++) {
      branches[i] = copy();
      if (i > 0 && i < node.tests().size()) {
        branches[i].load(Names.of(node.tests().get(i)));
      }
      branches[i].visit(
          (i < node.branches().size() ? node.branches().get(i) : node.otherwise()).statements());
      newlyStored.addAll(branches[i].stored);
    }
    newlyStored.removeAll(stored);
    for (Symbols branch : branches) {
      mentioned.addAll(branch.mentioned);
      stored.addAll(branch.stored);
      local.addAll(branch.local);
    }
    local.removeAll(newlyStored);
    local.removeAll(parameters);
  }

  private Symbols copy() {
    Symbols copy = new Symbols(parent, known, hidden);
    copy.mentioned.addAll(mentioned);
    copy.stored.addAll(stored);
    copy.local.addAll(local);
    copy.parameters.addAll(parameters);
    return copy;
  }

  /** Notes what a frame's own statements mention, without the frames within. */
  private void visit(List<Statement> statements) {
    for (Statement statement : statements) {
      if (statement instanceof Print print) {
        load(Names.of(print.value()));
      } else if (statement instanceof If node) {
        branch(node, null);
      } else if (statement instanceof For loop) {
        load(Names.of(loop.items()));
      } else if (statement instanceof Assign assign) {
        load(Names.of(assign.value()));
        assign(assign.target());
      } else if (statement instanceof AssignBlock assign) {
        assign(assign.target());
      } else if (statement instanceof Macro macro) {
        store(macro.name());
      } else if (statement instanceof CallBlock call) {
        load(Names.of(call.call()));
      } else if (statement instanceof FilterBlock filter) {
        load(Names.of(filter.filter()));
      } else if (statement instanceof With with) {
        with.values().forEach(value -> load(Names.of(value)));
      }
    }
  }

  private void assign(Expression target) {
    if (target instanceof TupleLiteral tuple) {
      tuple.items().forEach(this::assign);
    } else if (target instanceof Attribute attribute) {
      load(Names.of(attribute.target()));
    } else {
      store(((Name) target).name());
    }
  }

  private void targetParameters(Expression target) {
    if (target instanceof TupleLiteral tuple) {
      tuple.items().forEach(this::targetParameters);
    } else {
      parameter(((Name) target).name());
    }
  }

  private Symbols inner() {
    return new Symbols(this, known, hidden);
  }

  /** Settles a frame whose parameters are known, then the frames within it. */
  private void frame(Block block, Place place) {
    visit(block.statements());
    hidden.put(block, Set.copyOf(local));
    descend(block, place);
  }

  private void descend(Block block, Place place) {
    for (Statement statement : block.statements()) {
      if (statement instanceof Print print) {
        check(print.value(), place.soft);
      } else if (statement instanceof If node) {
        node.branches().forEach(branch -> descend(branch, place.softened()));
        descend(node.otherwise(), place.softened());
      } else if (statement instanceof For loop) {
        loop(loop, place);
      } else if (statement instanceof Assign assign) {
        refuseLoop(assign.target(), place, statement.line());
        check(assign.value(), place.soft);
      } else if (statement instanceof AssignBlock assign) {
        refuseLoop(assign.target(), place, statement.line());
        if (assign.filter() != null) {
          check(assign.filter(), false);
        }
        inner().frame(assign.body(), place.hard());
      } else if (statement instanceof Macro macro) {
        function(macro.signature(), macro.body(), place);
      } else if (statement instanceof CallBlock call) {
        check(call.call(), place.soft);
        function(call.signature(), call.body(), place);
      } else if (statement instanceof FilterBlock filter) {
        check(filter.filter(), false);
        inner().frame(filter.body(), place.hard());
      } else if (statement instanceof With with) {
        with.values().forEach(value -> check(value, place.soft));
        Symbols frame = inner();
        with.targets().forEach(frame::targetParameters);
        frame.frame(with.body(), place.hard());
      } else if (statement instanceof Generation generation) {
        function(new Signature(List.of(), List.of()), generation.body(), place);
      } else if ((statement instanceof Break || statement instanceof Continue)
          && !place.breakable) {
        throw JinjaException.atLine(statement.line(), "break or continue stands outside of a loop");
      }
    }
  }

  private void check(Expression expression, boolean soft) {
    Names.check(expression, known, soft);
  }

  private static void refuseLoop(Expression target, Place place, int line) {
    if (place.looped && Names.of(target).contains("loop") && !(target instanceof Attribute)) {
      throw JinjaException.atLine(line, "the variable 'loop' cannot be assigned within a loop");
    }
  }

  private void loop(For loop, Place place) {
    refuseLoop(loop.target(), new Place(false, true, true), loop.line());
    check(loop.items(), place.soft);
    Symbols body = inner();
    body.parameter("loop");
    body.targetParameters(loop.target());
    body.frame(loop.body(), new Place(false, true, true));
    if (loop.test() != null) {
      check(loop.test(), false);
    }
    inner().frame(loop.otherwise(), new Place(false, place.breakable && !loop.recursive(), true));
  }

  private void function(Signature signature, Block block, Place place) {
    signature.defaults().forEach(value -> check(value, false));
    Symbols frame = inner();
    signature.parameters().forEach(frame::parameter);
    for (String special : Names.special(block)) {
      frame.parameter(special);
    }
    signature.defaults().forEach(value -> frame.load(Names.of(value)));
    frame.frame(block, place.function());
  }
}
