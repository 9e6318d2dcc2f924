package dev.questspark.job.resources;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.spark.TaskContext;
import org.apache.spark.resource.ResourceInformation;

/** The GPUs that Spark gave, where it schedules GPUs ({@code spark.task.resource.gpu.*}). */
public final class DeviceClaim {
  static final String GPU = "gpu";
  static final String CUDA = "cuda";

  private DeviceClaim() {}

  /**
   * The backend that a task runs on: {@code cuda} becomes {@code cuda:N} for the first address that
   * Spark assigned; anything else stays as configured.
   */
  public static String backend(String configured, TaskContext task) {
    return backends(configured, task.resourcesJMap()).get(0);
  }

  /** Whether Spark assigned any. */
  public static boolean hasGpus(Map<String, ResourceInformation> resources) {
    ResourceInformation gpus = resources.get(GPU);
    return gpus != null && gpus.addresses().length > 0;
  }

  /** The same for all addresses that Spark assigned to a task or an executor. */
  public static List<String> backends(
      String configured, Map<String, ResourceInformation> resources) {
    return configured.equals(CUDA) && hasGpus(resources)
        ? Arrays.stream(resources.get(GPU).addresses())
            .map(address -> CUDA + ":" + address)
            .toList()
        : List.of(configured);
  }
}
