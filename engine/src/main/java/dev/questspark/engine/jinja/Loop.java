package dev.questspark.engine.jinja;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.python.Arguments;
import dev.questspark.engine.jinja.python.Comparisons;
import dev.questspark.engine.jinja.python.Python;
import dev.questspark.engine.jinja.python.Value;
import dev.questspark.engine.jinja.python.Value.Attributed;
import dev.questspark.engine.jinja.python.Value.Function;
import dev.questspark.engine.jinja.python.Value.Generator;
import dev.questspark.engine.jinja.python.Value.Iterated;
import dev.questspark.engine.jinja.python.Value.Tuple;
import dev.questspark.engine.jinja.python.Value.Undefined;
import java.math.BigInteger;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;

/** The variable {@code loop}; it looks ahead in its items only when asked. */
final class Loop implements Attributed, Function, Iterated, Iterator<Object> {
  private final Optional<Function> recursion;
  private final int depth0;

  /** Items known beforehand, or -1. */
  private long length;

  private Iterator<Object> items;
  private Object after = Value.ABSENT;
  private Object current = Value.ABSENT;
  private Object before = Value.ABSENT;
  private List<Object> lastChanged;
  private long index0 = -1;

  /** A loop over any value; {@code recursion} renders the body again for other items. */
  Loop(Object iterable, Optional<Function> recursion, int depth0) {
    this.items = Python.iterate(iterable);
    this.length =
        Python.hasLength(iterable) && !(iterable instanceof Generator)
            ? Python.length(iterable)
            : -1;
    this.recursion = recursion;
    this.depth0 = depth0;
  }

  @Override
  public boolean hasNext() {
    return peek() != Value.ABSENT;
  }

  private Object peek() {
    if (after == Value.ABSENT && items.hasNext()) {
      after = items.next();
    }
    return after;
  }

  @Override
  public Object next() {
    Object item = peek();
    if (item == Value.ABSENT) {
      throw new NoSuchElementException();
    }
    after = Value.ABSENT;
    index0++;
    before = current;
    current = item;
    return item;
  }

  /** Each item with this loop, as Jinja iterates it. */
  @Override
  public Iterator<Object> iterator() {
    return Python.map(this, item -> Tuple.of(item, this));
  }

  /** Reads the rest of the items if it must. */
  @Override
  public long length() {
    if (length < 0) {
      List<Object> rest = Python.list(new Generator("generator", items));
      items = rest.iterator();
      length = rest.size() + index0 + 1 + (after == Value.ABSENT ? 0 : 1);
    }
    return length;
  }

  @Override
  public Object attribute(String name) {
    return switch (name) {
      case "index" -> number(index0 + 1);
      case "index0" -> number(index0);
      case "revindex" -> number(length() - index0);
      case "revindex0" -> number(length() - index0 - 1);
      case "length" -> number(length());
      case "depth" -> number(depth0 + 1L);
      case "depth0" -> number(depth0);
      case "first" -> index0 == 0;
      case "last" -> peek() == Value.ABSENT;
      case "previtem" -> index0 == 0 ? new Undefined("there is no previous item") : before;
      case "nextitem" -> peek() == Value.ABSENT ? new Undefined("there is no next item") : after;
      case "cycle" -> (Function) this::cycle;
      case "changed" -> (Function) this::changed;
      default -> Value.ABSENT;
    };
  }

  private static BigInteger number(long value) {
    return BigInteger.valueOf(value);
  }

  private Object cycle(Arguments arguments) {
    List<Object> values = arguments.positional();
    if (values.isEmpty() || !arguments.keywords().isEmpty()) {
      throw new JinjaException("loop.cycle needs values to choose from");
    }
    return values.get((int) (index0 % values.size()));
  }

  private Object changed(Arguments arguments) {
    List<Object> values = arguments.positional();
    boolean changed = lastChanged == null || !Comparisons.equal(lastChanged, values);
    lastChanged = values;
    return changed;
  }

  @Override
  public Object call(Arguments arguments) {
    return recursion
        .orElseThrow(() -> new JinjaException("the loop is called, but is not marked 'recursive'"))
        .call(arguments);
  }

  @Override
  public String describe() {
    return "<LoopContext " + (index0 + 1) + "/" + length() + ">";
  }
}
