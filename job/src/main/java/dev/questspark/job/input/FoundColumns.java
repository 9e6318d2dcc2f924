package dev.questspark.job.input;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.CorpusOptions.NamedColumn;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** What a look at records has found of the columns that the options name. */
public final class FoundColumns {
  private static final int MOST_NAMES = 200;
  private static final char KEY = 'k';
  private static final char SEEN = 's';
  private static final char FINE = 'f';
  private static final char WRONG = 'w';
  private static final char UNUSABLE = 'u';

  private final List<NamedColumn> columns;
  private final Set<String> keys = new TreeSet<>();
  private final boolean[] seen;
  private final boolean[] fine;
  private final String[] wrong;
  private boolean unusable;

  FoundColumns(List<NamedColumn> columns) {
    this.columns = columns;
    this.seen = new boolean[columns.size()];
    this.fine = new boolean[columns.size()];
    this.wrong = new String[columns.size()];
  }

  /** A record with these keys of its own, and these values under the columns. */
  void record(RecordMaker maker, Collection<String> itsKeys, Object[] values) {
    for (int i = 0; i < values.length; i++) {
      String name = columns.get(i).name();
      seen[i] |= values[i] != null || itsKeys.contains(name);
      if (values[i] != null) {
        String what = maker.wrong(i, values[i]).orElse(null);
        fine[i] |= what == null;
        wrong[i] = what == null ? wrong[i] : what;
      }
    }
    if (keys.size() < MOST_NAMES) {
      keys.addAll(itsKeys);
    }
  }

  /** A record that cannot be parsed. */
  void unusable() {
    unusable = true;
  }

  /** As texts that travel from a task. */
  List<String> facts() {
    List<String> facts = new ArrayList<>();
    keys.forEach(key -> facts.add(KEY + key));
    for (int i = 0; i < seen.length; i++) {
      if (seen[i]) {
        facts.add(SEEN + String.valueOf(i));
      }
      if (fine[i]) {
        facts.add(FINE + String.valueOf(i));
      }
      if (wrong[i] != null) {
        facts.add(WRONG + String.valueOf(i) + " " + wrong[i]);
      }
    }
    if (unusable) {
      facts.add(String.valueOf(UNUSABLE));
    }
    return facts;
  }

  /** What another look has found. */
  void add(Collection<String> facts) {
    for (String fact : facts) {
      String rest = fact.substring(1);
      switch (fact.charAt(0)) {
        case KEY -> keys.add(rest);
        case SEEN -> seen[Integer.parseInt(rest)] = true;
        case FINE -> fine[Integer.parseInt(rest)] = true;
        case WRONG ->
            wrong[Integer.parseInt(rest.substring(0, rest.indexOf(' ')))] =
                rest.substring(rest.indexOf(' ') + 1);
        case UNUSABLE -> unusable = true;
        default -> throw new IllegalStateException("no fact: " + fact);
      }
    }
  }

  /** Whether nothing is left to find: every column is there, with a value that can be used. */
  boolean complete() {
    for (int i = 0; i < seen.length; i++) {
      if (!seen[i] || wrong[i] != null && !fine[i]) {
        return false;
      }
    }
    return true;
  }

  /**
   * Refuses an input that lacks a column, or has none that can be used.
   *
   * @param nothingIn what an input without any column is told, as a sentence without its end
   * @throws ConfigException naming the column and its option
   */
  void refuse(String nothingIn) {
    if (keys.isEmpty()) {
      if (unusable) {
        throw new ConfigException(nothingIn + ".");
      }
      return;
    }
    for (int i = 0; i < seen.length; i++) {
      if (!seen[i]) {
        throw missing("The input", columns.get(i), keys);
      }
      if (wrong[i] != null && !fine[i]) {
        throw new ConfigException(
            "In every record "
                + wrong[i]
                + "; name another column with "
                + columns.get(i).flag()
                + ".");
      }
    }
  }

  /**
   * The refusal of an input without a column.
   *
   * @param what begins the sentence
   */
  public static ConfigException missing(String what, NamedColumn column, Collection<String> has) {
    return new ConfigException(
        what
            + " has no column '"
            + column.name()
            + "' (it has: "
            + String.join(", ", has)
            + "); name it with "
            + column.flag()
            + (column.flag().equals("--question-col")
                ? ", or ask every document with --question."
                : "."));
  }
}
