package dev.questspark.job.options;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.Choices.Task;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * The job's options where there is no job but somebody else's query: those of model, engine,
 * prompt, page selection and sampling; the query itself says what is read and where it goes.
 */
public final class QueryOptions {
  private static final Set<OptionKey<?>> PROMPT =
      Set.of(
          JobKeys.PROMPT_TEMPLATE,
          JobKeys.COMBINE_TEMPLATE,
          JobKeys.SYSTEM_PROMPT,
          JobKeys.APPLY_CHAT_TEMPLATE,
          JobKeys.PRESET);

  private static final String SOURCE = "argument";

  private QueryOptions() {}

  /**
   * Resolves the options of one use.
   *
   * @param given option name, snake_case or camelCase, to texts; comes before Spark's conf
   * @param sparkConf the session's conf; keys without our prefix are ignored
   * @throws ConfigException on an unknown option, one without meaning in a query, a wrong value
   */
  public static JobOptions resolve(
      Task task, Map<String, List<String>> given, Iterable<Map.Entry<String, String>> sparkConf) {
    Map<String, List<String>> texts = new LinkedHashMap<>();
    given.forEach((name, value) -> texts.put(checked(name), value));
    texts.put(JobKeys.TASK.name(), List.of(task.name()));
    return OptionResolver.resolve(texts, SOURCE, sparkConf);
  }

  private static String checked(String name) {
    return find(name).name();
  }

  /** Every option that a query takes, section by section. */
  public static List<OptionKey<?>> all() {
    return OptionRegistry.all().stream().filter(QueryOptions::meant).toList();
  }

  /**
   * The option that a user meant.
   *
   * @param name snake_case or camelCase
   * @throws ConfigException on an unknown option, or one without meaning in a query
   */
  public static OptionKey<?> find(String name) {
    String stem = name.replaceAll("(?<=[a-z])(?=[A-Z])", "_").toLowerCase(Locale.ROOT);
    OptionKey<?> key = OptionRegistry.find(stem, SOURCE);
    if (!meant(key)) {
      throw new ConfigException(
          "Option " + key + " has no meaning inside a query; it belongs to the job.");
    }
    return key;
  }

  private static boolean meant(OptionKey<?> key) {
    return PROMPT.contains(key)
        || JobKeys.ofEngine(key) && key != JobKeys.PARTITIONS
        || JobKeys.SECTIONS.stream()
            .anyMatch(section -> section.decidesAnswers() && section.keys().contains(key));
  }
}
