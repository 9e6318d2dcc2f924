package dev.questspark.job.infer;

import java.util.Map;
import org.apache.spark.TaskContext;
import org.apache.spark.resource.ResourceInformation;

/**
 * The GPU that Spark gave to a task, where it schedules GPUs ({@code spark.task.resource.gpu.*}).
 */
final class DeviceClaim {
  private static final String GPU = "gpu";
  private static final String CUDA = "cuda";

  private DeviceClaim() {}

  /**
   * The backend that a task runs on: {@code cuda} becomes {@code cuda:N} for the first address that
   * Spark assigned; anything else stays as configured.
   */
  static String backend(String configured, TaskContext task) {
    return backend(configured, task.resourcesJMap());
  }

  static String backend(String configured, Map<String, ResourceInformation> resources) {
    ResourceInformation gpus = resources.get(GPU);
    return configured.equals(CUDA) && gpus != null && gpus.addresses().length > 0
        ? CUDA + ":" + gpus.addresses()[0]
        : configured;
  }
}
