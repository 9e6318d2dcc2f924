package dev.questspark.engine.ops.cuda.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import java.nio.charset.StandardCharsets;
import jcuda.CudaException;
import org.junit.jupiter.api.Test;

/** What a user reads whose driver or GPU is older than the kernels. */
class KernelModuleTest {
  private static final CudaDevice OLD =
      new CudaDevice(0, "Old GPU", 80L << 30, 8, 0, 108, 166_912, 12_040);

  /** As the compiler leaves its name in a binary, between other bytes. */
  private static byte[] image(String release) {
    return ("\0\u00ff\u007fELF\0Cuda compilation tools, release " + release + ", V13.0.88\0\u00fe")
        .getBytes(StandardCharsets.ISO_8859_1);
  }

  @Test
  void theRefusalNamesTheDriverTheToolkitAndTheRemedy() {
    CudaException unsupported = new CudaException("CUDA_ERROR_UNSUPPORTED_PTX_VERSION");
    assertThat(KernelModule.refusal(unsupported, OLD, image("13.0")))
        .hasMessageContaining("CUDA_ERROR_UNSUPPORTED_PTX_VERSION")
        .hasMessageContaining("Old GPU")
        .hasMessageContaining("driver for CUDA 12.4")
        .hasMessageContaining("built by CUDA 13.0")
        .hasMessageContaining("build again with nvcc of CUDA 12")
        .hasMessageContaining("kernels/README.md");
    assertThat(KernelModule.refusal(unsupported, OLD, new byte[4]))
        .hasMessageContaining("an unknown toolkit");
  }

  /** No driver and no build helps there: the sentence must not send the user for one. */
  @Test
  void aGpuBeforeAmpereIsRefusedForWhatItIs() {
    CudaDevice turing = new CudaDevice(0, "Tesla T4", 15L << 30, 7, 5, 40, 65_536, 13_000);
    assertThatThrownBy(turing::requireCapability)
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("Tesla T4")
        .hasMessageContaining("compute capability 7.5")
        .hasMessageContaining("need compute capability 8.0")
        .hasMessageNotContaining("update");
    OLD.requireCapability();
  }

  @Test
  void theToolkitIsReadFromTheImage() {
    assertThat(KernelModule.toolkit(image("12.8"))).contains("12.8");
    assertThat(KernelModule.toolkit(new byte[100])).isEmpty();
  }
}
