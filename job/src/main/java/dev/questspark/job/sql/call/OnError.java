package dev.questspark.job.sql.call;

import dev.questspark.engine.failure.ConfigException;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** What becomes of a query whose row cannot be answered. */
public enum OnError {
  /** It ends. */
  FAIL,
  /** The row has a struct of text, error_code and error_message. */
  RECORD,
  /** The row has null. */
  NULL;

  /**
   * @throws ConfigException on another word
   */
  static OnError of(String word) {
    for (OnError known : values()) {
      if (known.word().equals(word)) {
        return known;
      }
    }
    throw new ConfigException(
        "on_error is '"
            + word
            + "' (argument); it must be one of "
            + Arrays.stream(values()).map(OnError::word).collect(Collectors.joining(", "))
            + ".");
  }

  private String word() {
    return name().toLowerCase(Locale.ROOT);
  }
}
