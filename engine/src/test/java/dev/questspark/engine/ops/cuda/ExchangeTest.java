package dev.questspark.engine.ops.cuda;

import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoH;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoD;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import jcuda.Pointer;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The test driver sees when threads exchange data and nothing orders them: each exchange of {@code
 * kernels/testdriver/test_kernels.cu} once as it must be and once with the one thing missing.
 */
@RequiresTestDriver
class ExchangeTest {
  /** Ordinals of the enumeration in {@code test_kernels.cu}. */
  enum Exchange {
    BLOCK(64),
    OVERWRITE(64),
    WARP(64),
    HALF_WARPS(64),
    SAME_VALUE(64),
    OWN_COPY(64),
    OTHERS_COPY(64),
    RETURN(64),
    PUBLISH(128),
    PRODUCTS(128),
    COUNT(64),
    RESET(64),
    TICKET(64),
    NEIGHBOURS(64),
    PAST_SHARED(64),
    MISALIGNED(64);

    final int threads;

    Exchange(int threads) {
      this.threads = threads;
    }
  }

  private static final int FLOATS = 256;
  private static final int BLOCKS_OF_TICKET = 3;

  private final CUdevice device = new CUdevice();
  private final CUfunction exchange = new CUfunction();
  private final CUdeviceptr x = new CUdeviceptr();
  private final CUdeviceptr ticket = new CUdeviceptr();

  @BeforeEach
  void openContext() {
    JCudaDriver.cuModuleGetFunction(exchange, TestDriver.retain(device), "testdriver_exchange");
    cuMemAlloc(x, 4 * FLOATS);
    cuMemAlloc(ticket, 4);
    cuMemcpyHtoD(x, Pointer.to(new float[FLOATS]), 4 * FLOATS);
    cuMemcpyHtoD(ticket, Pointer.to(new int[1]), 4);
  }

  @AfterEach
  void closeContext() {
    JCudaDriver.cuDevicePrimaryCtxRelease(device);
  }

  private float[] run(Exchange kind, boolean ordered) {
    Pointer arguments =
        Pointer.to(
            Pointer.to(x),
            Pointer.to(ticket),
            Pointer.to(new int[] {kind.ordinal()}),
            Pointer.to(new int[] {ordered ? 1 : 0}));
    int blocks = kind == Exchange.TICKET ? BLOCKS_OF_TICKET : 1;
    JCudaDriver.cuLaunchKernel(
        exchange, blocks, 1, 1, kind.threads, 1, 1, 16_384, null, arguments, null);
    JCudaDriver.cuCtxSynchronize();
    float[] result = new float[FLOATS];
    cuMemcpyDtoH(Pointer.to(result), x, 4 * FLOATS);
    return result;
  }

  @ParameterizedTest
  @EnumSource
  void whatIsOrderedPasses(Exchange kind) {
    assertThatCode(() -> run(kind, true)).doesNotThrowAnyException();
  }

  @ParameterizedTest
  @EnumSource(
      mode = EnumSource.Mode.EXCLUDE,
      names = {"PRODUCTS", "NEIGHBOURS"})
  void whatIsNotOrderedIsALaunchFailure(Exchange kind) {
    assertThatThrownBy(() -> run(kind, false)).hasMessage("CUDA_ERROR_LAUNCH_FAILED");
  }

  @Test
  void theSearchForRacesCanBeLeftOut() {
    TestDriver.races(false);
    assertThatCode(() -> run(Exchange.BLOCK, false)).doesNotThrowAnyException();
    TestDriver.reset();
    assertThatThrownBy(() -> run(Exchange.BLOCK, false)).hasMessage("CUDA_ERROR_LAUNCH_FAILED");
  }

  @Test
  void sumsArriveWhenTheyAreWaitedFor() {
    assertThat(run(Exchange.PRODUCTS, true)[127]).isEqualTo(16f);
    assertThat(run(Exchange.PRODUCTS, false)[127]).as("nobody waited").isZero();
  }
}
