package dev.questspark.job.plugin;

import dev.questspark.engine.Backends;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.family.ConfigOverrides;
import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.job.model.ModelFolder;
import dev.questspark.job.model.ModelLocation;
import dev.questspark.job.options.EngineOptions;
import dev.questspark.job.options.resolve.ExecutorNeeds;
import dev.questspark.job.resources.DeviceClaim;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.apache.spark.resource.ResourceInformation;

/** Whether a process has what the run's options name: the device, its kernels, the model. */
public final class ExecutorCheck {
  private ExecutorCheck() {}

  /**
   * Whether inference can run on this executor: not where its executors are others than those that
   * read, and have GPUs by Spark's own word.
   *
   * @param resources what Spark gave to this executor
   */
  static boolean infers(SparkConf conf, Map<String, ResourceInformation> resources) {
    return !ExecutorNeeds.of(conf).executorsWithGpus() || DeviceClaim.hasGpus(resources);
  }

  /**
   * Checks what the driver left in the conf.
   *
   * @param resources what Spark gave to this executor
   * @return what was found, in one line
   * @throws ConfigException with the remedy, if something is missing
   */
  static String of(SparkConf conf, Map<String, ResourceInformation> resources) {
    ExecutorNeeds needs = ExecutorNeeds.of(conf);
    List<String> found = new ArrayList<>();
    for (String device : DeviceClaim.backends(needs.device(), resources)) {
      found.add(Backends.check(DeviceName.parse(device)));
    }
    Configuration hadoop = SparkHadoopUtil.get().newConfiguration(conf);
    if (needs.model() != null) {
      ModelFolder.of(needs.model(), false, hadoop).check(needs.configOverrides());
      found.add("model " + needs.model().model());
    }
    if (needs.reader() != null) {
      ModelFolder.of(needs.reader(), false, hadoop).check(ConfigOverrides.NONE);
      found.add("reader model " + needs.reader().model());
    }
    return String.join("; ", found);
  }

  /**
   * Checks the models before Spark starts, where this machine has it. What Spark brings, or another
   * file system has, is checked later; and so is, on a cluster, what only executors have.
   *
   * @throws ConfigException with the remedy, if it cannot be used
   */
  public static void model(EngineOptions options, SparkConf conf) {
    model(options.model().location(), options.model().configOverrides(), conf);
    if (options.model().reader() != null) {
      model(options.model().reader(), ConfigOverrides.NONE, conf);
    }
  }

  private static void model(ModelLocation location, String configOverrides, SparkConf conf) {
    if (location.remote()) {
      return;
    }
    boolean here = local(conf); // whatever this machine needs it gets before Spark starts
    ModelFolder model = ModelFolder.of(location, here, new Configuration(false));
    if (model.visible() || here && model.path().isAbsolute()) {
      model.check(configOverrides);
    }
  }

  private static boolean local(SparkConf conf) {
    return conf.get("spark.master").startsWith("local");
  }

  /**
   * Checks the device of a run in which driver and executor are one process, before Spark starts.
   *
   * @throws ConfigException with the remedy, if it cannot be used
   */
  public static void device(EngineOptions options, SparkConf conf) {
    if (local(conf)) {
      Backends.check(DeviceName.parse(options.device()));
    }
  }
}
