package dev.questspark.job.options.keys;

import static dev.questspark.job.options.keys.OptionTypes.bytes;
import static dev.questspark.job.options.keys.OptionTypes.integer;
import static dev.questspark.job.options.keys.OptionTypes.number;
import static dev.questspark.job.options.keys.Scope.Decides.NOTHING;
import static dev.questspark.job.options.keys.Scope.INFERENCE;
import static dev.questspark.job.options.keys.Scope.Query.JOB_ONLY;

import dev.questspark.job.options.StageOptions;
import dev.questspark.job.options.StageOptions.Amount;

/**
 * Spark's resources of the stage that infers, where they differ from those of the stages that read;
 * {@link StageOptions} has the values.
 */
public final class StageKeys {
  static final OptionSection SECTION = new OptionSection("Resources of the inference stage");

  private static final double MOST_SHARED = 0.5;

  private StageKeys() {}

  public static final OptionKey<Double> INFER_TASK_GPUS =
      number("infer_task_gpus", "0, at most 0.5, or a whole number", StageKeys::assignable)
          .defaultValue("0")
          .scope(INFERENCE, NOTHING, JOB_ONLY)
          .description(
              SECTION,
              "GPUs of a task that infers; tasks that read then need none. With 0.25, four tasks feed the engine of one GPU. 0 takes spark.task.resource.gpu.amount.");
  public static final OptionKey<Integer> INFER_TASK_CPUS =
      integer("infer_task_cpus", 0, "at least 1, or 0 for Spark's")
          .defaultValue("0")
          .scope(INFERENCE, NOTHING, JOB_ONLY)
          .description(SECTION, "Cores of a task that infers; 0 takes spark.task.cpus.");
  public static final OptionKey<Integer> INFER_EXECUTOR_GPUS =
      integer("infer_executor_gpus", 0, "at least 1, or 0 for Spark's")
          .defaultValue("0")
          .scope(INFERENCE, NOTHING, JOB_ONLY)
          .description(
              SECTION,
              "With dynamic allocation, GPUs of the executors that infer; 0 takes spark.executor.resource.gpu.amount.");
  public static final OptionKey<Integer> INFER_EXECUTOR_CORES =
      integer("infer_executor_cores", 0, "at least 1, or 0 for Spark's")
          .defaultValue("0")
          .scope(INFERENCE, NOTHING, JOB_ONLY)
          .description(
              SECTION,
              "With dynamic allocation, cores of the executors that infer; 0 takes spark.executor.cores.");
  public static final OptionKey<Long> INFER_EXECUTOR_MEMORY =
      bytes("infer_executor_memory")
          .unit("bytes")
          .defaultValue("0")
          .scope(INFERENCE, NOTHING, JOB_ONLY)
          .description(
              SECTION,
              "With dynamic allocation, heap of the executors that infer; 0 takes spark.executor.memory.");

  /** As Spark shares a resource: whole ones, or one among two tasks or more. */
  private static boolean assignable(double gpus) {
    return gpus >= 0 && (gpus <= MOST_SHARED || gpus == Math.rint(gpus));
  }

  /** Types the options. */
  public static StageOptions bind(JobOptions options) {
    return new StageOptions(
        amount(options, INFER_TASK_GPUS),
        amount(options, INFER_TASK_CPUS),
        amount(options, INFER_EXECUTOR_GPUS),
        amount(options, INFER_EXECUTOR_CORES),
        amount(options, INFER_EXECUTOR_MEMORY));
  }

  private static Amount amount(JobOptions options, OptionKey<? extends Number> key) {
    return new Amount(key.name(), options.setting(key).shown(), options.get(key).doubleValue());
  }
}
