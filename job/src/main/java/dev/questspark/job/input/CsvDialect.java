package dev.questspark.job.input;

import dev.questspark.engine.failure.ConfigException;
import java.io.Serializable;
import java.util.Map;

/**
 * How a CSV file is written.
 *
 * @param separator between cells
 * @param quote around a cell that has separators or line breaks in it
 * @param escape before a quote inside a quoted cell; the quote itself where quotes are doubled
 */
public record CsvDialect(byte separator, byte quote, byte escape) implements Serializable {
  /** Options of {@code input_option} under Spark's names, for messages. */
  private static final String KNOWN = "sep (or delimiter), quote and escape";

  /**
   * Takes Spark's options for CSV, as far as they are known here.
   *
   * @param tabs whether the files' names say that cells are separated by tabs
   * @throws ConfigException on another option, or one that is not one ASCII character
   */
  static CsvDialect of(Map<String, String> options, boolean tabs) {
    byte separator = (byte) (tabs ? '\t' : ',');
    byte quote = '"';
    byte escape = '"';
    for (Map.Entry<String, String> option : options.entrySet()) {
      switch (option.getKey()) {
        case "sep", "delimiter" -> separator = character(option);
        case "quote" -> quote = character(option);
        case "escape" -> escape = character(option);
        default ->
            throw new ConfigException(
                "--input-option "
                    + option.getKey()
                    + " is not known for csv; known: "
                    + KNOWN
                    + ". The first line names the columns.");
      }
    }
    return new CsvDialect(separator, quote, escape);
  }

  private static byte character(Map.Entry<String, String> option) {
    String value = option.getValue().equals("\\t") ? "\t" : option.getValue();
    if (value.length() != 1 || value.charAt(0) > 0x7F) {
      throw new ConfigException(
          "--input-option "
              + option.getKey()
              + " is '"
              + value
              + "'; it must be one ASCII character, such as ; or \\t.");
    }
    return (byte) value.charAt(0);
  }
}
