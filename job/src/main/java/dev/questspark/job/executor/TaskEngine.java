package dev.questspark.job.executor;

import dev.questspark.job.options.ExitCode;
import dev.questspark.job.resources.DeviceClaim;
import java.util.Map;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The executor's engine for the Spark task of the calling thread, until the task ends. */
public final class TaskEngine {
  private static final Logger LOG = LoggerFactory.getLogger(TaskEngine.class);

  private TaskEngine() {}

  /**
   * Leases the engine on the device that Spark assigned to the task. When the task ends, the
   * engine's report goes to the driver; a lost device ends the executor.
   *
   * @throws dev.questspark.engine.failure.ConfigException when the engine cannot open
   */
  public static ExecutorEngine.Lease lease(InferSettings settings, EngineReports reports) {
    TaskContext task = TaskContext.get();
    String executorId = SparkEnv.get().executorId();
    ExecutorEngine.Lease lease =
        ExecutorEngine.lease(settings, executorId, DeviceClaim.backend(settings.device(), task));
    task.addTaskCompletionListener(
        ended -> {
          reports.add(Map.entry(lease.engineId(), lease.engine().report()));
          lease.close();
        });
    task.addTaskFailureListener(
        (failed, failure) -> {
          if (FailurePolicy.endsExecutor(failure, executorId)) {
            LOG.error("this executor has lost its device and ends: {}", failure.getMessage());
            System.exit(ExitCode.DEVICE_LOST);
          }
        });
    return lease;
  }
}
