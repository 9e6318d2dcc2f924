package dev.questspark.job.options;

import dev.questspark.job.options.Choices.InputFormat;
import java.util.List;

/**
 * What {@link dev.questspark.job.options.keys.CorpusKeys} say.
 *
 * @param input path; null for a suite that reads none
 * @param columns where a record has its parts
 */
public record CorpusOptions(
    String input,
    InputFormat format,
    int maxTextCharacters,
    int parseTimeoutSeconds,
    Columns columns) {

  /**
   * A column that an option names.
   *
   * @param flag the option, for messages
   */
  public record NamedColumn(String name, String flag) {}

  /**
   * Where a record has its parts.
   *
   * @param answer null when nobody named one
   * @param asked questions of every document; when there are any, {@code question} is not read
   * @param questionNeeded whether a record must have a question
   */
  public record Columns(
      NamedColumn id,
      NamedColumn text,
      NamedColumn question,
      NamedColumn answer,
      List<String> asked,
      boolean questionNeeded) {}

  /** The same input of which only ids and texts are read. */
  public CorpusOptions textsAlone() {
    return new CorpusOptions(
        input,
        format,
        maxTextCharacters,
        parseTimeoutSeconds,
        new Columns(columns.id, columns.text, columns.question, null, List.of(), false));
  }
}
