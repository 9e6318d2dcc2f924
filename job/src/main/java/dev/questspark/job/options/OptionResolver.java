package dev.questspark.job.options;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.tokens.GenerationDefaults;
import dev.questspark.job.options.JobOptions.Setting;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Flag, Spark conf, preset, model folder, default: the first that speaks gives the value. */
public final class OptionResolver {
  /** Prefix of our keys in Spark's conf. */
  public static final String SPARK_PREFIX = "spark.questspark.";

  static final String DEFAULT = "default";

  private OptionResolver() {}

  /**
   * Resolves and checks every option.
   *
   * @param flags option name to texts
   * @param sparkConf Spark's conf; keys without our prefix are ignored
   * @throws ConfigException on an unknown key, a value out of range, an unreadable preset
   */
  public static JobOptions resolve(
      Map<String, List<String>> flags, Iterable<Map.Entry<String, String>> sparkConf) {
    return resolve(flags, "flag", sparkConf);
  }

  /**
   * @param origin what the first source is called in messages
   */
  static JobOptions resolve(
      Map<String, List<String>> given,
      String origin,
      Iterable<Map.Entry<String, String>> sparkConf) {
    Map<String, Setting> settings = new LinkedHashMap<>();
    take(settings, given, origin);
    Map<String, List<String>> conf = new LinkedHashMap<>();
    for (Map.Entry<String, String> entry : sparkConf) {
      if (entry.getKey().startsWith(SPARK_PREFIX)) {
        conf.put(entry.getKey().substring(SPARK_PREFIX.length()), List.of(entry.getValue()));
      }
    }
    take(settings, conf, "Spark conf");
    Setting preset = settings.get(JobKeys.PRESET.name());
    if (preset != null) {
      Path file = Path.of(preset.shown());
      take(settings, PresetFile.read(file), file.getFileName().toString());
    }
    take(settings, generationDefaults(settings), "generation_config");
    JobOptions options = new JobOptions(withDefaults(settings));
    OptionRegistry.all().forEach(options::get);
    return options;
  }

  private static void take(
      Map<String, Setting> settings, Map<String, List<String>> given, String origin) {
    Map<String, Setting> here = new LinkedHashMap<>();
    given.forEach(
        (name, texts) -> {
          OptionKey<?> key = OptionRegistry.find(name, origin);
          Setting setting = new Setting(key.elements(texts), origin);
          if (here.put(key.name(), setting) != null) {
            throw new ConfigException(
                "Option " + key + " is given twice, under two names (" + origin + "); keep one.");
          }
        });
    here.forEach(settings::putIfAbsent);
  }

  /** What the model folder sets; nothing when it is not on this machine. */
  private static Map<String, List<String>> generationDefaults(Map<String, Setting> settings) {
    Setting model = settings.get(JobKeys.MODEL.name());
    Setting wanted = settings.get(JobKeys.GENERATION_CONFIG.name());
    Map<String, List<String>> values = new LinkedHashMap<>();
    if (model != null) {
      GenerationDefaults.read(wanted == null ? "auto" : wanted.shown(), Path.of(model.shown()))
          .values()
          .forEach((name, value) -> values.put(name, List.of(value.toString())));
    }
    return values;
  }

  private static Map<String, Setting> withDefaults(Map<String, Setting> settings) {
    Map<String, Setting> all = new LinkedHashMap<>();
    for (OptionKey<?> key : OptionRegistry.all()) {
      all.put(
          key.name(), settings.getOrDefault(key.name(), new Setting(key.defaultTexts(), DEFAULT)));
    }
    return all;
  }
}
