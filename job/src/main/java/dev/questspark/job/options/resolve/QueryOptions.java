package dev.questspark.job.options.resolve;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.Choices.Task;
import dev.questspark.job.options.InferenceOptions;
import dev.questspark.job.options.Setting;
import dev.questspark.job.options.StageOptions;
import dev.questspark.job.options.keys.JobOptions;
import dev.questspark.job.options.keys.OptionKey;
import dev.questspark.job.options.keys.OptionRegistry;
import dev.questspark.job.options.keys.PromptKeys;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * The job's options in somebody else's query: those of model, engine, prompt, page selection and
 * sampling. The query itself says what is read and where it goes.
 */
public final class QueryOptions {
  private QueryOptions() {}

  /**
   * Resolves, checks and types the options of one use.
   *
   * @param given option name, snake_case or camelCase, to texts; comes before Spark's conf
   * @param sparkConf the session's conf; keys without our prefix are ignored
   * @throws ConfigException on an unknown option, one without meaning in a query, a wrong value
   */
  public static InferenceOptions resolve(
      Task task, Map<String, List<String>> given, Iterable<Map.Entry<String, String>> sparkConf) {
    Map<String, List<String>> texts = new LinkedHashMap<>();
    given.forEach((name, value) -> texts.put(find(name).name(), value));
    texts.put(PromptKeys.TASK.name(), List.of(task.name()));
    JobOptions options = OptionResolver.resolve(texts, Setting.ARGUMENT, sparkConf);
    OptionCheck.refuseInQuery(options);
    return OptionBinder.inference(options, StageOptions.AS_SPARK_HAS_THEM);
  }

  /** Every option that a query takes, section by section. */
  public static List<OptionKey<?>> all() {
    return OptionRegistry.all().stream().filter(OptionKey::inQuery).toList();
  }

  /** Key in Spark's conf, one for each name and alias of a query's options, to one sentence. */
  public static Map<String, String> sparkKeys() {
    Map<String, String> keys = new LinkedHashMap<>();
    for (OptionKey<?> key : all()) {
      keys.put(OptionResolver.SPARK_PREFIX + key.name(), key.description());
      key.aliases()
          .forEach(alias -> keys.put(OptionResolver.SPARK_PREFIX + alias, key.description()));
    }
    return keys;
  }

  /** The option that a key of Spark's conf sets, under whatever name; empty for other keys. */
  public static Optional<String> ofSparkKey(String key) {
    if (!key.startsWith(OptionResolver.SPARK_PREFIX)) {
      return Optional.empty();
    }
    String name = key.substring(OptionResolver.SPARK_PREFIX.length());
    return OptionRegistry.all().stream()
        .filter(option -> option.name().equals(name) || option.aliases().contains(name))
        .map(OptionKey::name)
        .findFirst();
  }

  /**
   * The option that a user meant.
   *
   * @param name snake_case or camelCase
   * @throws ConfigException on an unknown option, or one without meaning in a query
   */
  public static OptionKey<?> find(String name) {
    String stem = name.replaceAll("(?<=[a-z])(?=[A-Z])", "_").toLowerCase(Locale.ROOT);
    OptionKey<?> key = OptionRegistry.find(stem, Setting.ARGUMENT);
    if (!key.inQuery()) {
      throw new ConfigException(
          "Option " + key + " has no meaning inside a query; it belongs to the job.");
    }
    return key;
  }
}
