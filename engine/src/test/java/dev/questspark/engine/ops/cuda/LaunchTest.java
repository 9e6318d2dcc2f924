package dev.questspark.engine.ops.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.failure.DeviceException;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cuda.driver.CudaContext;
import dev.questspark.engine.ops.cuda.driver.CudaDevice;
import dev.questspark.engine.ops.cuda.driver.CudaKernels;
import dev.questspark.engine.ops.cuda.driver.CudaStream;
import dev.questspark.engine.ops.cuda.driver.DeviceBuffer;
import dev.questspark.engine.ops.cuda.driver.DevicePool;
import dev.questspark.engine.ops.cuda.driver.Kernel;
import dev.questspark.engine.ops.cuda.driver.KernelModule;
import dev.questspark.engine.ops.cuda.driver.LaunchRecorder;
import dev.questspark.engine.ops.cuda.step.Launch;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What stands between an op and the driver: argument checks, graphs, memory, and a lost driver. */
@RequiresTestDriver
class LaunchTest {
  private CudaDevice device;
  private CudaContext context;
  private DevicePool pool;
  private KernelModule module;
  private CudaStream stream;
  private LaunchRecorder recorder;
  private Launch launch;
  private Tensor x;
  private Tensor y;

  @BeforeEach
  void open() {
    device = CudaDevice.of(0);
    context = new CudaContext(0);
    pool = new DevicePool(context, device, DevicePool.SLAB_BYTES);
    module = KernelModule.load(context, device);
    stream = new CudaStream(context);
    recorder = new LaunchRecorder(context, stream, module);
    launch = new Launch(recorder);
    x = zeros();
    y = zeros();
  }

  private Tensor zeros() {
    DeviceBuffer buffer = pool.allocate(64);
    stream.zero(buffer, 64);
    return new Tensor(buffer, DType.F32, 0, 1, 16, 16);
  }

  @AfterEach
  void close() {
    x.buffer().close();
    y.buffer().close();
    recorder.close();
    stream.close();
    module.close();
    pool.close();
    context.close();
    assertThat(TestDriver.outstandingAllocations()).isZero();
  }

  private void siluMul() {
    launch
        .of(CudaKernels.SILU_MUL.of(DType.F32))
        .out(x)
        .in(y)
        .integer(8)
        .integer(8)
        .integer(16)
        .grid(1, 1, 1, 256, 0);
  }

  @Test
  void aWrongArgumentTypeNamesTheParameter() {
    assertThatThrownBy(() -> launch.of(CudaKernels.SILU_MUL.of(DType.F32)).out(x).in(y).wide(16))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "silu_mul_f32: argument 2 is declared as 'int inner', given a long long (long long)");
    assertThatThrownBy(() -> launch.of(CudaKernels.SILU_MUL.of(DType.BF16)).out(x))
        .hasMessageContaining("declared as 'bf16* out', given an output (float*)");
    assertThatThrownBy(
            () -> launch.of(CudaKernels.RMS_NORM.of(DType.F32)).out(x).in(y).in(y).real(1))
        .hasMessageContaining("'int channels', given a float");
  }

  @Test
  void swappedPointersAreRefused() {
    assertThatThrownBy(() -> launch.of(CudaKernels.SILU_MUL.of(DType.F32)).in(y))
        .hasMessage(
            "silu_mul_f32: argument 0 is declared as 'float* out', given an input (float*)");
    assertThatThrownBy(() -> launch.of(CudaKernels.EMBED.of(DType.F32, DType.F32)).out(x).in(y))
        .hasMessageContaining("'const int* tokens', given an input (float*)");
  }

  @Test
  void tooFewOrTooManyArgumentsAreRefused() {
    assertThatThrownBy(
            () ->
                launch
                    .of(CudaKernels.SILU_MUL.of(DType.F32))
                    .out(x)
                    .in(y)
                    .integer(1)
                    .grid(1, 1, 1, 256, 0))
        .hasMessageContaining("takes 5 arguments, given 3; next is int outStride");
    assertThatThrownBy(
            () ->
                launch
                    .of(CudaKernels.SILU_MUL.of(DType.F32))
                    .out(x)
                    .in(y)
                    .integer(1)
                    .integer(1)
                    .integer(1)
                    .integer(1))
        .hasMessageContaining("argument 5 is declared as nothing");
  }

  @Test
  void aKernelThatTheBinaryLacksIsNamed() {
    Kernel missing = new Kernel(0, "silu_mul_f64", CudaKernels.SILU_MUL.of(DType.F32).parameters());
    assertThatThrownBy(() -> module.resolve(missing, device))
        .isInstanceOf(DeviceException.class)
        .hasMessage("CUDA_ERROR_NOT_FOUND in looking up kernel silu_mul_f64");
  }

  @Test
  void aLaunchThatWasCutShortIsNotIssued() {
    assertThatThrownBy(() -> launch.of(CudaKernels.SILU_MUL.of(DType.F32)).out(x).real(1))
        .isInstanceOf(IllegalStateException.class);
    siluMul();
    recorder.flush();
    stream.await(recorder);
    assertThat(TestDriver.launches()).isEqualTo(1);
  }

  @Test
  void aStepThatComesAgainIsReplayedAndAnotherIsNot() {
    for (int i = 0; i < 4; i++) {
      siluMul();
      siluMul();
      recorder.flush();
    }
    assertThat(recorder.replays()).as("issued, captured and replayed, replayed twice").isEqualTo(3);
    siluMul();
    recorder.flush();
    assertThat(recorder.replays()).isEqualTo(3);
    stream.await(recorder);
    assertThat(TestDriver.graphLaunches()).isEqualTo(3);
  }

  @Test
  void smallBlocksShareASlabAndALeakNamesItsPlace() {
    long before = TestDriver.outstandingAllocations();
    DeviceBuffer a = pool.allocate(1000);
    DeviceBuffer b = pool.allocate(1);
    assertThat(TestDriver.outstandingAllocations()).isEqualTo(before);
    assertThat(b.address() - a.address()).isEqualTo(1024);
    assertThat(a.site()).isNotBlank();
    DeviceBuffer large = pool.allocate(DevicePool.SLAB_BYTES);
    assertThat(TestDriver.outstandingAllocations()).isEqualTo(before + 1);
    large.close();
    large.close();
    a.close();
    b.close();
    assertThat(TestDriver.outstandingAllocations()).isEqualTo(before);
    assertThatThrownBy(large::address)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("is closed");
  }

  @Test
  void aHostWithoutADriverIsOneSentence(@TempDir Path folder) throws Exception {
    Files.createFile(folder.resolve("libcuda.so.1")); // found first, and no library
    assertThat(openElsewhere(folder))
        .startsWith("ConfigException: backend cuda needs the NVIDIA driver")
        .contains("libcuda.so.1", "or choose backend cpu");
  }

  @Test
  void cublasIsNamedWhereItIsThereAndMissingWhereItIsNot(@TempDir Path folder) throws Exception {
    CudaOptions fast = new CudaOptions(0, DType.BF16, DType.BF16, false, 64, 64);
    try (CudaBackend here = CudaBackend.open(fast)) {
      assertThat(here.describe()).contains("linear by cuBLAS 12.6");
    }
    try (CudaBackend invariant =
        CudaBackend.open(new CudaOptions(0, DType.BF16, DType.BF16, true, 64, 64))) {
      assertThat(invariant.describe()).contains("linear by our kernel, batch invariant");
    }
    Files.copy(
        Path.of(System.getProperty("questspark.testdriver"), "libcuda.so.1"),
        folder.resolve("libcuda.so.1"));
    assertThat(openElsewhere(folder)).contains("linear by our kernel");
  }

  /** Opens the device in another process, whose linker looks into a folder first. */
  private static String openElsewhere(Path folder) throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Opener.class.getName()));
    builder.environment().put("LD_LIBRARY_PATH", folder.toString());
    builder.redirectErrorStream(true);
    builder.redirectOutput(new File(folder.toFile(), "output"));
    Process process = builder.start();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return Files.readString(folder.resolve("output"));
  }

  /** The other process. */
  static final class Opener {
    private Opener() {}

    public static void main(String[] arguments) {
      try {
        CudaOptions fast = new CudaOptions(0, DType.BF16, DType.BF16, false, 64, 64);
        try (CudaBackend backend = CudaBackend.open(fast)) {
          System.out.println(backend.describe());
        }
      } catch (ConfigException e) {
        System.out.println("ConfigException: " + e.getMessage());
      }
    }
  }
}
