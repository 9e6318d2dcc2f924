package dev.questspark.job.plugin;

import dev.questspark.engine.Backends;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.job.model.ModelFolder;
import dev.questspark.job.model.ModelLocation;
import dev.questspark.job.options.JobKeys;
import dev.questspark.job.options.JobOptions;
import dev.questspark.job.options.OptionResolver;
import dev.questspark.job.options.StageKeys;
import dev.questspark.job.resources.DeviceClaim;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.apache.spark.resource.ResourceInformation;

/** Whether a process has what the run's options name: the device, its kernels, the model. */
public final class ExecutorCheck {
  private static final List<String> CARRIED =
      List.of(
          JobKeys.BACKEND.name(),
          JobKeys.MODEL.name(),
          JobKeys.MODEL_CACHE.name(),
          StageKeys.INFER_EXECUTOR_GPUS.name());

  private ExecutorCheck() {}

  /** Leaves in Spark's conf what executors check by. */
  public static void describe(JobOptions options, SparkConf conf) {
    CARRIED.forEach(
        name -> {
          String value = options.settings().get(name).shown();
          if (!value.isEmpty()) {
            conf.set(OptionResolver.SPARK_PREFIX + name, value);
          }
        });
  }

  /**
   * Whether inference can run on this executor: not where its executors are others than those that
   * read, and have GPUs by Spark's own word.
   *
   * @param resources what Spark gave to this executor
   */
  static boolean infers(SparkConf conf, Map<String, ResourceInformation> resources) {
    return conf.getInt(OptionResolver.SPARK_PREFIX + StageKeys.INFER_EXECUTOR_GPUS.name(), 0) == 0
        || DeviceClaim.hasGpus(resources);
  }

  /**
   * Checks what the driver left in the conf.
   *
   * @param resources what Spark gave to this executor
   * @return what was found, in one line
   * @throws ConfigException with the remedy, if something is missing
   */
  static String of(SparkConf conf, Map<String, ResourceInformation> resources) {
    String backend = conf.get(OptionResolver.SPARK_PREFIX + JobKeys.BACKEND.name(), "cpu");
    List<String> found = new ArrayList<>();
    for (String device : DeviceClaim.backends(backend, resources)) {
      found.add(Backends.check(DeviceName.parse(device)));
    }
    String model = conf.get(OptionResolver.SPARK_PREFIX + JobKeys.MODEL.name(), "");
    if (!model.isEmpty()) {
      ModelLocation location =
          new ModelLocation(
              model,
              conf.get(
                  OptionResolver.SPARK_PREFIX + JobKeys.MODEL_CACHE.name(),
                  ModelLocation.DEFAULT_CACHE));
      ModelFolder.of(location, false, SparkHadoopUtil.get().newConfiguration(conf)).check();
      found.add("model " + model);
    }
    return String.join("; ", found);
  }

  /**
   * Checks the device of a run in which driver and executor are one process, before Spark starts.
   *
   * @throws ConfigException with the remedy, if it cannot be used
   */
  public static void device(JobOptions options, SparkConf conf) {
    if (conf.get("spark.master").startsWith("local")) {
      Backends.check(options.get(JobKeys.BACKEND));
    }
  }
}
