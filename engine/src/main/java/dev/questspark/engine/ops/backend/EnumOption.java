package dev.questspark.engine.ops.backend;

import dev.questspark.engine.failure.ConfigException;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** Options whose values are the constants of an enum, written in lower case. */
final class EnumOption {
  private EnumOption() {}

  /**
   * The constant that a text names.
   *
   * @param option its name, for the message
   * @throws ConfigException if there is none
   */
  static <E extends Enum<E>> E parse(Class<E> type, String option, String text) {
    return Arrays.stream(type.getEnumConstants())
        .filter(constant -> text(constant).equals(text.toLowerCase(Locale.ROOT)))
        .findFirst()
        .orElseThrow(
            () ->
                new ConfigException(
                    option
                        + " '"
                        + text
                        + "' is unknown; known: "
                        + Arrays.stream(type.getEnumConstants())
                            .map(EnumOption::text)
                            .collect(Collectors.joining(", "))));
  }

  static String text(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT);
  }
}
