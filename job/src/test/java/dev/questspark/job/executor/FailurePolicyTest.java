package dev.questspark.job.executor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.failure.DeviceException;
import dev.questspark.engine.failure.DocumentException;
import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.job.resources.DeviceClaim;
import java.util.Map;
import java.util.concurrent.CompletionException;
import org.apache.spark.SparkException;
import org.apache.spark.resource.ResourceInformation;
import org.junit.jupiter.api.Test;

/** Which failure ends what, and which device a task runs on. */
class FailurePolicyTest {
  private static DeviceException device(boolean sticky) {
    return new DeviceException("CUDA_ERROR_ILLEGAL_ADDRESS", sticky, "add_f32", null);
  }

  private static Throwable wrapped(RuntimeException cause) {
    return new SparkException("task failed", new CompletionException(cause));
  }

  @Test
  void aLostDeviceEndsTheExecutorButNotTheDriverOfALocalRun() {
    assertThat(FailurePolicy.endsExecutor(wrapped(device(true)), "3")).isTrue();
    assertThat(FailurePolicy.endsExecutor(wrapped(device(true)), "driver")).isFalse();
  }

  @Test
  void anythingElseFailsTheTaskAlone() {
    assertThat(FailurePolicy.endsExecutor(wrapped(device(false)), "3")).isFalse();
    assertThat(FailurePolicy.endsExecutor(wrapped(new ConfigException("no")), "3")).isFalse();
    assertThat(FailurePolicy.endsExecutor(wrapped(new IllegalStateException()), "3")).isFalse();
  }

  @Test
  void aDeviceFailureIsNotTheDocumentsFault() {
    assertThatThrownBy(() -> FailurePolicy.defect(new CompletionException(device(false))))
        .hasCauseInstanceOf(DeviceException.class);
    DocumentException refused = new DocumentException(ErrorCode.TOO_LONG, "too long");
    assertThat(FailurePolicy.defect(new CompletionException(refused)).code())
        .isEqualTo(ErrorCode.TOO_LONG);
  }

  @Test
  void aTaskRunsOnTheGpuThatSparkAssigned() {
    Map<String, ResourceInformation> second = gpus("1");
    assertThat(DeviceClaim.backends("cuda", second)).containsExactly("cuda:1");
    assertThat(DeviceClaim.backends("cuda", gpus("0", "3"))).containsExactly("cuda:0", "cuda:3");
    assertThat(DeviceClaim.backends("cuda", Map.of())).containsExactly("cuda");
    assertThat(DeviceClaim.backends("cuda:0", second)).containsExactly("cuda:0");
    assertThat(DeviceClaim.backends("cpu", second)).containsExactly("cpu");
  }

  private static Map<String, ResourceInformation> gpus(String... addresses) {
    return Map.of("gpu", new ResourceInformation("gpu", addresses));
  }
}
