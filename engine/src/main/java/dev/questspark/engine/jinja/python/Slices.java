package dev.questspark.engine.jinja.python;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.python.Value.Markup;
import dev.questspark.engine.jinja.python.Value.Range;
import dev.questspark.engine.jinja.python.Value.Tuple;
import dev.questspark.engine.jinja.python.Value.Undefined;
import java.util.ArrayList;
import java.util.List;

/** Python's slices. */
public final class Slices {
  private Slices() {}

  /** {@code value[start:stop:step]}; absent bounds are null. */
  public static Object slice(Object value, Object start, Object stop, Object step) {
    if (value instanceof Undefined undefined) {
      throw undefined.failure();
    }
    int stride = step == null ? 1 : Python.count(step);
    if (stride == 0) {
      throw new JinjaException("the step of a slice is zero");
    }
    if (!Python.isText(value)
        && !(value instanceof List)
        && !(value instanceof Tuple)
        && !(value instanceof Range)) {
      throw new JinjaException("a value of type " + Python.type(value) + " cannot be sliced");
    }
    long length = Python.length(value);
    long from = bound(start, length, stride, stride > 0 ? 0 : length - 1);
    long to = bound(stop, length, stride, stride > 0 ? length : -1);
    if (value instanceof Range range) {
      return new Range(
          range.start() + from * range.step(),
          range.start() + to * range.step(),
          range.step() * stride);
    }
    if (!Python.isText(value)) {
      List<?> items = value instanceof Tuple tuple ? tuple.items() : (List<?>) value;
      List<Object> sliced = new ArrayList<>();
      for (long i = from; stride > 0 ? i < to : i > to; i += stride) {
        sliced.add(items.get((int) i));
      }
      return value instanceof Tuple ? new Tuple(sliced) : sliced;
    }
    int[] codePoints = Python.text(value).codePoints().toArray();
    StringBuilder sliced = new StringBuilder();
    for (long i = from; stride > 0 ? i < to : i > to; i += stride) {
      sliced.appendCodePoint(codePoints[(int) i]);
    }
    return value instanceof Markup ? new Markup(sliced.toString()) : sliced.toString();
  }

  /** A bound within the length; negative ones count from the end. */
  static long bound(Object bound, long length, int stride, long absent) {
    if (bound == null) {
      return absent;
    }
    long index = Python.count(bound);
    index += index < 0 ? length : 0;
    return stride > 0
        ? Math.max(0, Math.min(index, length))
        : Math.max(-1, Math.min(index, length - 1));
  }
}
