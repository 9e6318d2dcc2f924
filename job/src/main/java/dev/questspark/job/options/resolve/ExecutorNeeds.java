package dev.questspark.job.options.resolve;

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
 * @param executorsWithGpus whether executors that infer are others than those that read, with GPUs
 */
public record ExecutorNeeds(String device, ModelLocation model, boolean executorsWithGpus) {
  private static final OptionKey<?>[] CARRIED = {
    EngineKeys.BACKEND, EngineKeys.MODEL, EngineKeys.MODEL_CACHE, StageKeys.INFER_EXECUTOR_GPUS
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
    String model = carried(conf, EngineKeys.MODEL);
    return new ExecutorNeeds(
        carried(conf, EngineKeys.BACKEND),
        model.isEmpty() ? null : new ModelLocation(model, carried(conf, EngineKeys.MODEL_CACHE)),
        Integer.parseInt(carried(conf, StageKeys.INFER_EXECUTOR_GPUS)) > 0);
  }

  private static String carried(SparkConf conf, OptionKey<?> key) {
    return conf.get(OptionResolver.SPARK_PREFIX + key.name(), String.join(",", key.defaultTexts()));
  }
}
