package dev.questspark.engine.jinja;

import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.jinja.python.Attributes;
import dev.questspark.engine.jinja.python.Comparisons;
import dev.questspark.engine.jinja.python.Operators;
import dev.questspark.engine.jinja.python.Python;
import dev.questspark.engine.jinja.python.Slices;
import dev.questspark.engine.jinja.python.Splitting;
import dev.questspark.engine.jinja.python.StringMethods;
import dev.questspark.engine.jinja.python.Text;
import dev.questspark.engine.jinja.python.Value;
import dev.questspark.engine.jinja.python.Value.Dict;
import dev.questspark.engine.jinja.python.Value.Generator;
import dev.questspark.engine.jinja.python.Value.Tuple;
import dev.questspark.engine.jinja.python.Value.Undefined;
import dev.questspark.engine.jinja.python.Value.View;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/** Filters over lists, dicts and whatever else can be iterated. */
final class SequenceFilters {
  private SequenceFilters() {}

  static void define(Map<String, Filters.Filter> to) {
    Filters.define(
        to,
        "default(value, default_value='', boolean=False)",
        a -> a[0] instanceof Undefined || Python.truth(a[2]) && !Python.truth(a[0]) ? a[1] : a[0]);
    Filters.define(to, "length(obj, /)", a -> BigInteger.valueOf(Python.length(a[0])));
    Filters.define(to, "list(value)", a -> Python.list(a[0]));
    Filters.define(to, "first(seq)", a -> first(Python.iterate(a[0])));
    Filters.define(to, "last(seq)", a -> first(backwards(a[0]).iterator()));
    Filters.define(to, "reverse(value)", a -> reverse(a[0]));
    Filters.define(to, "join(value, d='', attribute=None)", SequenceFilters::join);
    Filters.define(to, "items(value)", a -> items(a[0]));
    Filters.define(
        to,
        "attr(obj, name)",
        a -> {
          Object member = Attributes.member(a[0], StringMethods.text(a[1]));
          return member == Value.ABSENT
              ? new Undefined(
                  "a value of type " + Python.type(a[0]) + " has no attribute '" + a[1] + "'")
              : member;
        });
    Filters.define(
        to,
        "dictsort(value, case_sensitive=False, by='key', reverse=False)",
        SequenceFilters::dictSort);
    Filters.define(
        to,
        "sort(value, reverse=False, case_sensitive=False, attribute=None)",
        a -> sorted(Python.list(a[0]), keys(a[3], Python.truth(a[2])), Python.truth(a[1])));
    Filters.define(
        to, "unique(value, case_sensitive=False, attribute=None)", SequenceFilters::unique);
    Filters.define(to, "min(value, case_sensitive=False, attribute=None)", a -> extreme(a, "<"));
    Filters.define(to, "max(value, case_sensitive=False, attribute=None)", a -> extreme(a, ">"));
    Filters.define(to, "sum(iterable, attribute=None, start=0)", SequenceFilters::sum);
    Filters.define(to, "batch(value, linecount, fill_with=None)", SequenceFilters::batch);
    Filters.define(to, "slice(value, slices, fill_with=None)", SequenceFilters::slice);
    Filters.define(
        to,
        "groupby(value, attribute, default=None, case_sensitive=False)",
        SequenceFilters::groupBy);
  }

  private static Object first(Iterator<Object> items) {
    return items.hasNext() ? items.next() : new Undefined("the sequence is empty");
  }

  private static List<Object> backwards(Object value) {
    List<Object> items = Python.reversed(value);
    if (items == null) {
      throw new JinjaException(
          "a value of type " + Python.type(value) + " cannot be read backwards; is |list missing?");
    }
    return items;
  }

  private static Object reverse(Object value) {
    if (Python.isText(value)) {
      return Slices.slice(value, null, null, BigInteger.ONE.negate());
    }
    List<Object> items = Python.reversed(value);
    if (items != null) {
      return new Generator("reversed iterator", items.iterator());
    }
    items = Python.list(value);
    Collections.reverse(items);
    return items;
  }

  private static Object ignoreCase(Object value) {
    return Python.isText(value) ? Python.text(value).toLowerCase(Locale.ROOT) : value;
  }

  private static Function<Object, Object> key(Object attribute, boolean caseSensitive) {
    Function<Object, Object> getter = Selections.getter(attribute, null);
    return caseSensitive ? getter : getter.andThen(SequenceFilters::ignoreCase);
  }

  /** The keys of several attributes, which commas part. */
  private static Function<Object, Object> keys(Object attribute, boolean caseSensitive) {
    List<Object> attributes =
        Python.isText(attribute)
            ? Splitting.split(Python.text(attribute), ",", -1)
            : Collections.singletonList(attribute);
    List<Function<Object, Object>> keys = new ArrayList<>();
    attributes.forEach(one -> keys.add(key(one, caseSensitive)));
    return item -> {
      List<Object> values = new ArrayList<>();
      keys.forEach(key -> values.add(key.apply(item)));
      return values;
    };
  }

  /** Sorts stably by keys; equal items keep their order when reversed, too. */
  private static List<Object> sorted(
      List<Object> items, Function<Object, Object> key, boolean reverse) {
    List<Map.Entry<Object, Object>> keyed = new ArrayList<>();
    for (Object item : items) {
      keyed.add(new java.util.AbstractMap.SimpleEntry<>(key.apply(item), item));
    }
    String before = reverse ? ">" : "<";
    try {
      keyed.sort(
          (a, b) ->
              Comparisons.ordered(before, a.getKey(), b.getKey())
                  ? -1
                  : Comparisons.ordered(before, b.getKey(), a.getKey()) ? 1 : 0);
    } catch (IllegalArgumentException e) { // not-a-number is in no order with anything
      throw new JinjaException("the items have no order");
    }
    List<Object> sorted = new ArrayList<>();
    keyed.forEach(entry -> sorted.add(entry.getValue()));
    return sorted;
  }

  private static Object join(Object[] a) {
    Function<Object, Object> getter = Selections.getter(a[2], null);
    String separator = Text.str(a[1]);
    List<Object> texts = new ArrayList<>();
    Python.list(a[0]).forEach(item -> texts.add(Text.str(getter.apply(item))));
    return StringMethods.join(separator, texts);
  }

  private static Dict dict(Object value) {
    if (value instanceof Undefined undefined) {
      throw undefined.failure();
    }
    if (value instanceof Dict dict) {
      return dict;
    }
    throw new JinjaException(
        "a value of type " + Python.type(value) + " stands where a mapping belongs");
  }

  private static Object items(Object value) {
    return Selections.lazy(
        () ->
            value instanceof Undefined
                ? Collections.emptyIterator()
                : new View("dict_items", dict(value)).iterator());
  }

  private static Object dictSort(Object[] a) {
    String by = Text.str(a[2]);
    if (!by.equals("key") && !by.equals("value")) {
      throw new JinjaException("dictsort sorts by 'key' or 'value'");
    }
    int position = by.equals("key") ? 0 : 1;
    List<Object> items = Python.list(new View("dict_items", dict(a[0])));
    boolean caseSensitive = Python.truth(a[1]);
    return sorted(
        items,
        item -> {
          Object value = ((Tuple) item).items().get(position);
          return caseSensitive ? value : ignoreCase(value);
        },
        Python.truth(a[3]));
  }

  private static Object unique(Object[] a) {
    Function<Object, Object> key = key(a[2], Python.truth(a[1]));
    return Selections.lazy(
        () -> {
          Set<Object> seen = new HashSet<>();
          return Selections.filtered(
              Python.iterate(a[0]), item -> seen.add(Python.hashKey(key.apply(item))));
        });
  }

  private static Object extreme(Object[] a, String better) {
    Function<Object, Object> key = key(a[2], Python.truth(a[1]));
    Iterator<Object> items = Python.iterate(a[0]);
    Object best = first(items);
    while (items.hasNext()) {
      Object item = items.next();
      best = Comparisons.ordered(better, key.apply(item), key.apply(best)) ? item : best;
    }
    return best;
  }

  private static Object sum(Object[] a) {
    Function<Object, Object> getter = Selections.getter(a[1], null);
    Object sum = a[2];
    if (Python.isText(sum)) {
      throw new JinjaException("sum adds no strings; use join");
    }
    Iterator<Object> items = Python.iterate(a[0]);
    while (items.hasNext()) {
      sum = Operators.binary("+", sum, getter.apply(items.next()));
    }
    return sum;
  }

  private static Object batch(Object[] a) {
    return Selections.lazy(
        () -> {
          int size = Python.count(a[1]);
          List<Object> items = Python.list(a[0]);
          List<Object> rows = new ArrayList<>();
          if (size < 1 && !items.isEmpty()) {
            throw new JinjaException("batch needs a size of at least 1");
          }
          for (int i = 0; i < items.size(); i += size) {
            List<Object> row =
                new ArrayList<>(items.subList(i, (int) Math.min(items.size(), (long) i + size)));
            Python.checkSize(a[2] == null ? 0 : size);
            while (a[2] != null && row.size() < size) {
              row.add(a[2]);
            }
            rows.add(row);
          }
          return rows.iterator();
        });
  }

  private static Object slice(Object[] a) {
    return Selections.lazy(
        () -> {
          List<Object> items = Python.list(a[0]);
          int slices = Python.count(a[1]);
          if (slices == 0) {
            throw new JinjaException("slice needs a number of slices other than 0");
          }
          Python.checkSize(slices);
          List<Object> rows = new ArrayList<>();
          int from = 0;
          for (int i = 0; i < slices; i++) {
            int to = from + items.size() / slices + (i < items.size() % slices ? 1 : 0);
            List<Object> row = new ArrayList<>(items.subList(from, to));
            if (a[2] != null && i >= items.size() % slices) {
              row.add(a[2]);
            }
            rows.add(row);
            from = to;
          }
          return rows.iterator();
        });
  }

  private static Object groupBy(Object[] a) {
    Function<Object, Object> getter = Selections.getter(a[1], a[2]);
    boolean caseSensitive = Python.truth(a[3]);
    Function<Object, Object> key =
        caseSensitive ? getter : getter.andThen(SequenceFilters::ignoreCase);
    List<Object> groups = new ArrayList<>();
    List<Object> group = new ArrayList<>();
    Object last = Value.ABSENT;
    for (Object item : sorted(Python.list(a[0]), key, false)) {
      Object current = key.apply(item);
      if (last == Value.ABSENT || !Comparisons.same(last, current)) {
        group = new ArrayList<>();
        groups.add(
            new Tuple(
                java.util.Arrays.asList(caseSensitive ? current : getter.apply(item), group),
                true));
        last = current;
      }
      group.add(item);
    }
    return groups;
  }
}
