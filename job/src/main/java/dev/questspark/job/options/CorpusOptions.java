package dev.questspark.job.options;

import java.io.Serializable;
import java.util.List;
import java.util.Map;

/**
 * What {@link dev.questspark.job.options.keys.CorpusKeys} say.
 *
 * @param columns where a record has its parts
 */
public record CorpusOptions(
    Input input, int maxTextCharacters, int parseTimeoutSeconds, Columns columns) {

  /**
   * Where the documents lie.
   *
   * @param paths none for a suite that reads none, or with a table
   * @param table a name in a catalog; null without one
   * @param format {@code auto}, a format of this job or one of Spark's sources
   * @param options of the reader, by name
   */
  public record Input(
      List<String> paths, String table, String format, Map<String, String> options) {
    public Input {
      paths = List.copyOf(paths);
      options = Map.copyOf(options);
    }

    /** As a message names it. */
    public String shown() {
      return table != null ? "table " + table : String.join(", ", paths);
    }
  }

  /**
   * A column that an option names.
   *
   * @param flag the option, for messages
   */
  public record NamedColumn(String name, String flag) implements Serializable {}

  /**
   * Where a record has its parts.
   *
   * @param answer null when nobody named one
   * @param asked questions of every document; when there are any, {@code question} is not read
   * @param questionNeeded whether a record must have a question
   * @param kept go with the answers
   */
  public record Columns(
      NamedColumn id,
      NamedColumn text,
      NamedColumn question,
      NamedColumn answer,
      List<String> asked,
      boolean questionNeeded,
      List<NamedColumn> kept) {

    /** Whether the input's own questions are asked. */
    public boolean readsQuestion() {
      return asked.isEmpty() && questionNeeded;
    }
  }

  /** The same input of which only ids and texts are read. */
  public CorpusOptions textsAlone() {
    return new CorpusOptions(
        input,
        maxTextCharacters,
        parseTimeoutSeconds,
        new Columns(columns.id, columns.text, columns.question, null, List.of(), false, List.of()));
  }
}
