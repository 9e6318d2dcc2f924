package dev.questspark.job.options.resolve;

import dev.questspark.engine.model.family.ConfigOverrides;
import dev.questspark.job.model.ModelLocation;
import dev.questspark.job.options.OptionListing;
import dev.questspark.job.options.Setting;
import dev.questspark.job.options.keys.EngineKeys;
import dev.questspark.job.options.keys.OptionKey;
import dev.questspark.job.options.keys.StageKeys;
import org.apache.spark.SparkConf;

/**
 * What an executor checks before its first task. It starts before any task tells it the options, so
 * the driver leaves them in Spark's conf.
 *
 * @param device what {@link EngineOptions#device} says
 * @param model null when nobody named one
 * @param reader a second model that reads; null likewise
 * @param configOverrides a JSON object of fields in the place of config.json's
 * @param executorsWithGpus whether executors that infer are others than those that read, with GPUs
 */
public record ExecutorNeeds(
    String device,
    ModelLocation model,
    ModelLocation reader,
    String configOverrides,
    boolean executorsWithGpus) {
  private static final OptionKey<?>[] CARRIED = {
    EngineKeys.BACKEND,
    EngineKeys.MODEL,
    EngineKeys.MODEL_CACHE,
    EngineKeys.READER_MODEL,
    EngineKeys.HF_OVERRIDES,
    EngineKeys.ROPE_SCALING,
    StageKeys.INFER_EXECUTOR_GPUS
  };

  /** Leaves in Spark's conf what executors check by. */
  public static void describe(OptionListing options, SparkConf conf) {
    for (OptionKey<?> key : CARRIED) {
      Setting setting = options.settings().get(key.name());
      if (!setting.texts().isEmpty()) {
        conf.set(OptionResolver.SPARK_PREFIX + key.name(), setting.shown());
      }
    }
  }

  /** What the driver left; the default where it left nothing. */
  public static ExecutorNeeds of(SparkConf conf) {
    return new ExecutorNeeds(
        carried(conf, EngineKeys.BACKEND),
        location(conf, EngineKeys.MODEL),
        location(conf, EngineKeys.READER_MODEL),
        ConfigOverrides.joined(
            given(conf, EngineKeys.HF_OVERRIDES), given(conf, EngineKeys.ROPE_SCALING)),
        Integer.parseInt(carried(conf, StageKeys.INFER_EXECUTOR_GPUS)) > 0);
  }

  private static ModelLocation location(SparkConf conf, OptionKey<String> key) {
    String model = carried(conf, key);
    return model.isEmpty() ? null : new ModelLocation(model, carried(conf, EngineKeys.MODEL_CACHE));
  }

  private static String carried(SparkConf conf, OptionKey<?> key) {
    return conf.get(OptionResolver.SPARK_PREFIX + key.name(), String.join(",", key.defaultTexts()));
  }

  private static String given(SparkConf conf, OptionKey<?> key) {
    return conf.get(OptionResolver.SPARK_PREFIX + key.name(), null);
  }
}
