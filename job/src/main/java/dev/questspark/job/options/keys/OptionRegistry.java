package dev.questspark.job.options.keys;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.failure.Suggestions;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Finds options by name or alias. */
public final class OptionRegistry {
  /** In the order in which {@code conf/README.md} and {@code --help} show them. */
  public static final List<OptionSection> SECTIONS =
      List.of(
          CorpusKeys.SECTION,
          PromptKeys.SECTION,
          OutputKeys.SECTION,
          EngineKeys.SECTION,
          SelectionKeys.SECTION,
          SamplingKeys.SECTION,
          LongDocumentKeys.SECTION,
          MeasureKeys.SECTION,
          StageKeys.SECTION,
          RunKeys.SECTION);

  private static final Map<String, OptionKey<?>> BY_NAME = byName();

  private OptionRegistry() {}

  /** All options, section by section. */
  public static List<OptionKey<?>> all() {
    return SECTIONS.stream().<OptionKey<?>>flatMap(section -> section.keys().stream()).toList();
  }

  /**
   * The option that a user meant.
   *
   * @param name name or alias; dashes count as underscores
   * @param origin where it was written, for the message
   * @throws ConfigException with close matches when there is no such option
   */
  public static OptionKey<?> find(String name, String origin) {
    String stem = name.replace('-', '_');
    OptionKey<?> key = BY_NAME.get(stem);
    if (key == null) {
      throw unknown(name, origin);
    }
    return key;
  }

  public static ConfigException unknown(String name, String origin) {
    String hint = Suggestions.hint(name.replace('-', '_'), BY_NAME.keySet());
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
