package dev.questspark.job.options.resolve;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.tokens.GenerationDefaults;
import dev.questspark.job.options.Setting;
import dev.questspark.job.options.keys.EngineKeys;
import dev.questspark.job.options.keys.JobOptions;
import dev.questspark.job.options.keys.OptionKey;
import dev.questspark.job.options.keys.OptionRegistry;
import dev.questspark.job.options.keys.RunKeys;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Flag, Spark conf, preset, model folder, default: the first that has a value gives it. */
public final class OptionResolver {
  /** Prefix of our keys in Spark's conf. */
  static final String SPARK_PREFIX = "spark.questspark.";

  private static final Logger LOG = LoggerFactory.getLogger(OptionResolver.class);

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
    return resolve(flags, Setting.FLAG, sparkConf);
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
    take(settings, conf, Setting.SPARK_CONF);
    Setting preset = settings.get(RunKeys.PRESET.name());
    if (preset != null) {
      Path file = Path.of(preset.shown());
      take(settings, PresetFile.read(file), file.getFileName().toString());
    }
    take(settings, generationDefaults(settings, sparkConf), "generation_config");
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

  /** What the model folder sets; nothing, and a warning, when it is not on this machine. */
  private static Map<String, List<String>> generationDefaults(
      Map<String, Setting> settings, Iterable<Map.Entry<String, String>> sparkConf) {
    Map<String, List<String>> values = new LinkedHashMap<>();
    if (settings.containsKey(EngineKeys.MODEL.name())) {
      JobOptions soFar = new JobOptions(withDefaults(settings));
      String wanted = soFar.get(EngineKeys.GENERATION_CONFIG);
      Path folder = EngineKeys.location(soFar).withoutWeights(hadoop(sparkConf));
      if (wanted.equals("auto") && !Files.exists(folder)) {
        LOG.warn(
            "model {} is not on this machine, so that its generation_config.json sets nothing; give"
                + " what it says of sampling as options",
            folder);
      }
      GenerationDefaults.read(wanted, folder)
          .values()
          .forEach((name, value) -> values.put(name, List.of(value.toString())));
    }
    return values;
  }

  /** How Spark would reach file systems with this conf. */
  private static Configuration hadoop(Iterable<Map.Entry<String, String>> sparkConf) {
    SparkConf conf = new SparkConf(false);
    sparkConf.forEach(entry -> conf.set(entry.getKey(), entry.getValue()));
    return SparkHadoopUtil.get().newConfiguration(conf);
  }

  private static Map<String, Setting> withDefaults(Map<String, Setting> settings) {
    Map<String, Setting> all = new LinkedHashMap<>();
    for (OptionKey<?> key : OptionRegistry.all()) {
      all.put(
          key.name(),
          settings.getOrDefault(key.name(), new Setting(key.defaultTexts(), Setting.DEFAULT)));
    }
    return all;
  }
}
