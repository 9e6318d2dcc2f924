package dev.questspark.job.options;

import static dev.questspark.job.options.OptionTypes.bytes;
import static dev.questspark.job.options.OptionTypes.integer;
import static dev.questspark.job.options.OptionTypes.number;

import java.util.List;

/**
 * The options of the stage that infers, where it needs other resources than those that read; {@link
 * JobKeys} has all others.
 */
public final class StageKeys {
  private static final double MOST_SHARED = 0.5;

  static final OptionSection STAGES = new OptionSection("Resources of the inference stage", false);

  private StageKeys() {}

  public static final OptionKey<Double> INFER_TASK_GPUS =
      number("infer_task_gpus", "0, at most 0.5, or a whole number", StageKeys::assignable)
          .byDefault("0")
          .says(
              STAGES,
              "GPUs of a task that infers, so that tasks that read need none: 0.25 lets four tasks feed one GPU's engine; 0 takes spark.task.resource.gpu.amount.");
  public static final OptionKey<Integer> INFER_TASK_CPUS =
      integer("infer_task_cpus", 0, "at least 1, or 0 for Spark's")
          .byDefault("0")
          .says(STAGES, "Cores of a task that infers; 0 takes spark.task.cpus.");
  public static final OptionKey<Integer> INFER_EXECUTOR_GPUS =
      integer("infer_executor_gpus", 0, "at least 1, or 0 for Spark's")
          .byDefault("0")
          .says(
              STAGES,
              "With dynamic allocation, GPUs of the executors that infer; 0 takes spark.executor.resource.gpu.amount, as executors that read have.");
  public static final OptionKey<Integer> INFER_EXECUTOR_CORES =
      integer("infer_executor_cores", 0, "at least 1, or 0 for Spark's")
          .byDefault("0")
          .says(
              STAGES,
              "With dynamic allocation, cores of the executors that infer; 0 takes spark.executor.cores.");
  public static final OptionKey<Long> INFER_EXECUTOR_MEMORY =
      bytes("infer_executor_memory")
          .unit("bytes")
          .byDefault("0")
          .says(
              STAGES,
              "With dynamic allocation, heap of the executors that infer; 0 takes spark.executor.memory.");

  /** All of them. */
  public static final List<OptionKey<? extends Number>> STAGE_KEYS =
      List.of(
          INFER_TASK_GPUS,
          INFER_TASK_CPUS,
          INFER_EXECUTOR_GPUS,
          INFER_EXECUTOR_CORES,
          INFER_EXECUTOR_MEMORY);

  /** As Spark shares a resource: whole ones, or one among two tasks or more. */
  private static boolean assignable(double gpus) {
    return gpus >= 0 && (gpus <= MOST_SHARED || gpus == Math.rint(gpus));
  }
}
