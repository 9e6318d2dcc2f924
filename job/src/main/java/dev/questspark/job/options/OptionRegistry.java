package dev.questspark.job.options;

import dev.questspark.engine.failure.ConfigException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Finds options by name or alias. */
final class OptionRegistry {
  private static final Map<String, OptionKey<?>> BY_NAME = byName();

  private OptionRegistry() {}

  /** All options, section by section. */
  static List<OptionKey<?>> all() {
    return JobKeys.SECTIONS.stream()
        .<OptionKey<?>>flatMap(section -> section.keys().stream())
        .toList();
  }

  /**
   * The option that a user meant.
   *
   * @param name name or alias; dashes count as underscores
   * @param origin where it was written, for the message
   * @throws ConfigException with close matches when there is no such option
   */
  static OptionKey<?> find(String name, String origin) {
    String stem = name.replace('-', '_');
    OptionKey<?> key = BY_NAME.get(stem);
    if (key == null) {
      throw unknown(name, origin);
    }
    return key;
  }

  static ConfigException unknown(String name, String origin) {
    String hint = CloseMatches.hint(name.replace('-', '_'), BY_NAME.keySet());
    return new ConfigException(
        "Unknown option '"
            + name
            + "' ("
            + origin
            + ")"
            + (hint.isEmpty() ? "." : hint)
            + " conf/README.md and --help list them all.");
  }

  private static Map<String, OptionKey<?>> byName() {
    Map<String, OptionKey<?>> byName = new LinkedHashMap<>();
    for (OptionKey<?> key : all()) {
      putOnce(byName, key.name(), key);
      key.aliases().forEach(alias -> putOnce(byName, alias, key));
    }
    return byName;
  }

  private static void putOnce(Map<String, OptionKey<?>> byName, String name, OptionKey<?> key) {
    if (byName.put(name, key) != null) {
      throw new IllegalStateException("two options are called " + name);
    }
  }
}
