package dev.questspark.job.resources;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.InferenceOptions;
import dev.questspark.job.options.StageOptions;
import dev.questspark.job.options.StageOptions.Amount;
import java.util.Optional;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.package$;
import org.apache.spark.resource.ExecutorResourceRequests;
import org.apache.spark.resource.ResourceProfileBuilder;
import org.apache.spark.resource.TaskResourceRequests;

/**
 * What the stage that infers asks of Spark, apart from the stages that read (Spark's stage-level
 * scheduling). With executors as they are, its tasks alone ask for GPUs; with dynamic allocation
 * Spark starts executors for it, and those that read may have none.
 */
public final class InferResources {
  private static final String DYNAMIC = "spark.dynamicAllocation.enabled";
  private static final String EXECUTOR_GPU = "spark.executor.resource.gpu.";
  private static final String EXECUTOR_GPUS = EXECUTOR_GPU + "amount";
  private static final String TASK_GPUS = "spark.task.resource.gpu.amount";
  private static final String EXECUTOR_CORES = "spark.executor.cores";
  private static final int PARTITIONS_PER_CORE = 2;
  private static final int BYTES_PER_MIB_LOG2 = 20;

  private final StageOptions stage;
  private final String device;
  private final SparkConf conf;

  private InferResources(InferenceOptions options, SparkConf conf) {
    this.stage = options.stage();
    this.device = options.engine().device();
    this.conf = conf;
  }

  /**
   * Checks what is asked for against what executors have, before Spark starts.
   *
   * @throws ConfigException when Spark would refuse it, ignore it, or wait for it for ever
   */
  public static void check(InferenceOptions options, SparkConf conf) {
    new InferResources(options, conf).check();
  }

  /** The same data; the stage that it ends in has the resources that the options ask for. */
  public static <T> JavaRDD<T> on(JavaRDD<T> documents, InferenceOptions options) {
    InferResources resources = new InferResources(options, documents.context().getConf());
    return resources.stage.first().isPresent()
        ? documents.withResources(resources.profile().build())
        : documents;
  }

  /**
   * CPU threads of an engine: as the options say, otherwise the executor's cores; 0 when only the
   * executor can tell.
   */
  public static int threads(InferenceOptions options, SparkContext spark) {
    int threads = options.engine().threads();
    int wanted = threads > 0 ? threads : options.stage().executorCores().or(0);
    if (wanted > 0) {
      return wanted;
    }
    return spark.isLocal() ? spark.defaultParallelism() : spark.conf().getInt(EXECUTOR_CORES, 0);
  }

  /** Enough partitions for every core, and for a second round where the estimate was wrong. */
  public static int automaticPartitions(SparkContext spark) {
    return PARTITIONS_PER_CORE * spark.defaultParallelism();
  }

  private void check() {
    String master = conf.get("spark.master");
    boolean local = master.equals("local") || master.startsWith("local[");
    Optional<Amount> first = stage.first();
    if (first.isEmpty()) {
      if (!local && unassigned()) {
        throw new ConfigException(
            EXECUTOR_GPUS
                + " is "
                + conf.get(EXECUTOR_GPUS)
                + ", but no task asks for a GPU, so that all would take the first of their host;"
                + " give --infer-task-gpus 1, or set "
                + TASK_GPUS
                + ".");
      }
      return;
    }
    if (local) {
      throw refusal(
          first.get(),
          "spark.master is " + master + ", where all stages share the machine",
          "leave it out, or submit to a cluster");
    }
    Optional<Amount> ofExecutors = stage.ofExecutors().filter(Amount::given).findFirst();
    if (!dynamic() && ofExecutors.isPresent()) {
      throw refusal(
          ofExecutors.get(),
          DYNAMIC + " is not true, so that all stages share the executors",
          "set it to true, or set spark.executor.* for all");
    }
    checkGpus();
    checkCores();
  }

  /** Whether executors have GPUs, and nothing says which task gets which. */
  private boolean unassigned() {
    return device.equals(DeviceClaim.CUDA)
        && executorGpus() > 0
        && conf.getDouble(TASK_GPUS, 0) == 0;
  }

  private void checkGpus() {
    boolean task = stage.taskGpus().given();
    if ((task || stage.executorGpus().given()) && !device.equals(DeviceClaim.CUDA)) {
      throw refusal(
          task ? stage.taskGpus() : stage.executorGpus(),
          "backend is " + device + ", which takes no GPU that Spark assigns",
          "give --backend cuda, or leave it out");
    }
    if (taskGpus() > executorGpus()) {
      throw refusal(
          stage.taskGpus(),
          "an executor of the stage has " + executorGpus() + " GPUs",
          "set " + EXECUTOR_GPUS + (dynamic() ? ", or give --infer-executor-gpus" : ""));
    }
    if (!dynamic() && sharesOnSpark35()) {
      throw refusal(
          stage.taskGpus(),
          "on Spark 3.5 a GPU has as many tasks as " + TASK_GPUS + " says in all stages, here one",
          "give 1, of which task the engine still batches many documents, or use dynamic"
              + " allocation or Spark 4.1");
    }
  }

  /** Executors of Spark 3.5 divide their GPUs once, by the default profile; SPARK-45527. */
  private boolean sharesOnSpark35() {
    return package$.MODULE$.SPARK_VERSION().startsWith("3.")
        && stage.taskGpus().given()
        && taskGpus() < 1
        && conf.getDouble(TASK_GPUS, 1) > taskGpus();
  }

  private void checkCores() {
    int cores = stage.executorCores().or(conf.getInt(EXECUTOR_CORES, Integer.MAX_VALUE));
    if (stage.taskCpus().value() > cores) {
      throw refusal(
          stage.taskCpus(),
          "an executor of the stage has " + cores + " cores",
          "lower it, or raise " + EXECUTOR_CORES + (dynamic() ? " or --infer-executor-cores" : ""));
    }
  }

  private ResourceProfileBuilder profile() {
    ResourceProfileBuilder profile = new ResourceProfileBuilder();
    TaskResourceRequests task = new TaskResourceRequests();
    task.cpus(taskCpus());
    if (taskGpus() > 0) {
      task.resource(DeviceClaim.GPU, taskGpus());
    }
    profile.require(task);
    if (dynamic()) {
      profile.require(executor());
    }
    return profile;
  }

  /** Spark fills in cores and memory where a profile has none, but never GPUs. */
  private ExecutorResourceRequests executor() {
    ExecutorResourceRequests executor = new ExecutorResourceRequests();
    int cores = stage.executorCores().or(conf.getInt(EXECUTOR_CORES, 0));
    if (cores > 0) {
      executor.cores(cores);
    }
    executor.memory(
        stage.executorMemory().given()
            ? ((long) stage.executorMemory().value() >> BYTES_PER_MIB_LOG2) + "m"
            : conf.get("spark.executor.memory", "1g"));
    if (executorGpus() > 0) {
      executor.resource(
          DeviceClaim.GPU,
          executorGpus(),
          conf.get(EXECUTOR_GPU + "discoveryScript", ""),
          conf.get(EXECUTOR_GPU + "vendor", ""));
    }
    return executor;
  }

  private boolean dynamic() {
    return conf.getBoolean(DYNAMIC, false);
  }

  private int executorGpus() {
    return stage.executorGpus().or(conf.getInt(EXECUTOR_GPUS, 0));
  }

  /** A profile's task has nothing of the default's; one on an executor with GPUs takes a GPU. */
  private double taskGpus() {
    return stage.taskGpus().or(conf.getDouble(TASK_GPUS, Math.min(1, executorGpus())));
  }

  private int taskCpus() {
    return stage.taskCpus().or(conf.getInt("spark.task.cpus", 1));
  }

  private static ConfigException refusal(Amount given, String why, String remedy) {
    return new ConfigException(
        "%s is %s, but %s; %s.".formatted(given.name(), given.text(), why, remedy));
  }
}
