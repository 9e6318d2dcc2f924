package dev.questspark.engine.ops.cuda;

import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static jcuda.driver.JCudaDriver.cuMemFree;
import static jcuda.driver.JCudaDriver.cuMemHostAlloc;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoH;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoHAsync;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoD;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoDAsync;
import static jcuda.driver.JCudaDriver.cuStreamSynchronize;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import jcuda.Pointer;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUgraph;
import jcuda.driver.CUmodule;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The test driver catches what it says it does: every test of the CUDA backend leans on this. Plain
 * JCuda, no class of ours in between.
 */
@RequiresTestDriver
class TestDriverTest {
  private static final int COUNT = 100;

  private final CUdevice device = new CUdevice();
  private final CUstream stream = new CUstream();
  private final CUfunction add = new CUfunction();
  private final CUdeviceptr x = new CUdeviceptr();
  private final CUdeviceptr y = new CUdeviceptr();
  private final Pointer pinned = new Pointer();
  private CUmodule module;

  @BeforeEach
  void openContext() {
    module = TestDriver.retain(device);
    JCudaDriver.cuStreamCreate(stream, 1);
    JCudaDriver.cuModuleGetFunction(add, module, "testdriver_add");
    cuMemAlloc(x, 4 * COUNT);
    cuMemAlloc(y, 4 * COUNT);
    cuMemHostAlloc(pinned, 4 * COUNT, 0);
    cuMemcpyHtoD(x, Pointer.to(filled(1)), 4 * COUNT);
    cuMemcpyHtoD(y, Pointer.to(filled(2)), 4 * COUNT);
  }

  @AfterEach
  void closeContext() {
    JCudaDriver.cuDevicePrimaryCtxRelease(device);
    assertThat(TestDriver.outstandingAllocations()).isZero();
  }

  private static float[] filled(float value) {
    float[] values = new float[COUNT];
    Arrays.fill(values, value);
    return values;
  }

  private void launchAdd(CUdeviceptr target, CUdeviceptr source, int channels) {
    launchAdd(Pointer.to(target), Pointer.to(source), channels, 256);
  }

  private void launchAdd(Pointer target, Pointer source, int channels, int threads) {
    Pointer sizes = Pointer.to(new int[] {channels});
    JCudaDriver.cuLaunchKernel(
        add, 1, 1, 1, threads, 1, 1, 0, stream, Pointer.to(target, source, sizes), null);
  }

  private static void assertStatus(String status, ThrowingCallable call) {
    assertThatThrownBy(call).hasMessage(status);
  }

  private float firstOfX() {
    float[] read = new float[1];
    cuMemcpyDtoH(Pointer.to(read), x, 4);
    return read[0];
  }

  @Test
  void kernelsRunInOrderAndOnlyWhenSomebodyWaits() {
    launchAdd(x, y, COUNT);
    launchAdd(x, y, COUNT);
    cuMemcpyDtoHAsync(pinned, x, 4 * COUNT, stream);
    ByteBuffer read = pinned.getByteBuffer(0, 4 * COUNT).order(ByteOrder.nativeOrder());
    assertThat(read.getFloat(0)).as("before the wait").isNaN();
    cuStreamSynchronize(stream);
    assertThat(read.getFloat(0)).as("after the wait").isEqualTo(5f);
  }

  @Test
  void eagerWorkIsDoneWhenQueued() {
    TestDriver.eager(true);
    launchAdd(x, y, COUNT);
    cuMemcpyDtoHAsync(pinned, x, 4 * COUNT, stream);
    ByteBuffer read = pinned.getByteBuffer(0, 4 * COUNT).order(ByteOrder.nativeOrder());
    assertThat(read.getFloat(0)).isEqualTo(3f);
  }

  @Test
  void aStagingBufferOverwrittenTooEarlyArrivesWrong() {
    ByteBuffer staging = pinned.getByteBuffer(0, 4 * COUNT).order(ByteOrder.nativeOrder());
    staging.putFloat(0, 7);
    cuMemcpyHtoDAsync(x, pinned, 4, stream);
    staging.putFloat(0, 8); // nobody waited for the copy
    cuStreamSynchronize(stream);
    assertThat(firstOfX()).isEqualTo(8f);
  }

  @Test
  void newMemoryIsNaN() {
    CUdeviceptr fresh = new CUdeviceptr();
    cuMemAlloc(fresh, 4);
    float[] read = new float[1];
    cuMemcpyDtoH(Pointer.to(read), fresh, 4);
    assertThat(read[0]).isNaN();
  }

  @Test
  void asynchronousCopiesNeedPinnedMemory() {
    assertStatus(
        "CUDA_ERROR_INVALID_VALUE",
        () -> cuMemcpyHtoDAsync(x, Pointer.to(filled(1)), 4 * COUNT, stream));
  }

  @Test
  void copiesStayInsideAllocations() {
    assertStatus(
        "CUDA_ERROR_INVALID_VALUE",
        () -> cuMemcpyHtoD(x, Pointer.to(new float[COUNT + 1]), 4 * (COUNT + 1)));
    assertStatus(
        "CUDA_ERROR_INVALID_VALUE",
        () -> cuMemcpyDtoH(Pointer.to(new float[2]), x.withByteOffset(4 * COUNT - 4), 8));
  }

  @Test
  void aWriteJustBesideAnAllocationIsFound() {
    CUdeviceptr more = new CUdeviceptr();
    cuMemAlloc(more, 4 * (COUNT + 1));
    cuMemcpyHtoD(more, Pointer.to(filled(3)), 4 * COUNT);
    cuMemcpyHtoD(more.withByteOffset(4 * COUNT), Pointer.to(filled(3)), 4);
    launchAdd(x, more, COUNT + 1);
    assertStatus("CUDA_ERROR_ILLEGAL_ADDRESS", () -> cuStreamSynchronize(stream));
    assertStatus("CUDA_ERROR_ILLEGAL_ADDRESS", () -> cuMemFree(x)); // and the context is lost
  }

  @Test
  void anAccessFarOutsideIsFound() {
    launchAdd(x, y, 2000);
    assertStatus("CUDA_ERROR_ILLEGAL_ADDRESS", () -> cuStreamSynchronize(stream));
  }

  @Test
  void aMisalignedVectorAccessIsFound() {
    // The kernel checks its views' alignment, but the wide copy of pages trusts its caller's.
    CUfunction copy = new CUfunction();
    JCudaDriver.cuModuleGetFunction(copy, module, "copy_pages");
    Pointer none = Pointer.to(new long[1]);
    CUdeviceptr pairs = new CUdeviceptr();
    cuMemAlloc(pairs, 8);
    cuMemcpyHtoD(pairs, Pointer.to(new int[] {0, 1}), 8);
    JCudaDriver.cuLaunchKernel(
        copy,
        1,
        1,
        1,
        256,
        1,
        1,
        0,
        stream,
        Pointer.to(
            Pointer.to(x.withByteOffset(4)),
            none,
            none,
            none,
            Pointer.to(pairs),
            Pointer.to(pairs.withByteOffset(4)),
            Pointer.to(new long[] {32}),
            Pointer.to(new long[] {0})),
        null);
    assertStatus("CUDA_ERROR_MISALIGNED_ADDRESS", () -> cuStreamSynchronize(stream));
  }

  @Test
  void aHostAddressIsNoKernelArgument() {
    assertStatus(
        "CUDA_ERROR_ILLEGAL_ADDRESS",
        () -> launchAdd(Pointer.to(pinned), Pointer.to(y), COUNT, 256));
  }

  @Test
  void anIntWhereAPointerBelongsIsFound() {
    Pointer number = Pointer.to(new long[] {COUNT});
    assertStatus("CUDA_ERROR_ILLEGAL_ADDRESS", () -> launchAdd(Pointer.to(x), number, COUNT, 256));
  }

  @Test
  void aBlockBeyondTheLaunchBoundsIsRefused() {
    assertStatus(
        "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES",
        () -> launchAdd(Pointer.to(x), Pointer.to(y), COUNT, 512));
  }

  @Test
  void anUnknownKernelIsNotFound() {
    assertStatus(
        "CUDA_ERROR_NOT_FOUND",
        () -> JCudaDriver.cuModuleGetFunction(new CUfunction(), module, "testdriver_subtract"));
  }

  @Test
  void anotherThreadHasNoContext() throws InterruptedException {
    Throwable[] thrown = new Throwable[1];
    Thread other =
        new Thread(
            () -> {
              try {
                cuMemAlloc(new CUdeviceptr(), 4);
              } catch (RuntimeException e) {
                thrown[0] = e;
              }
            });
    other.start();
    other.join();
    assertThat(thrown[0]).hasMessage("CUDA_ERROR_INVALID_CONTEXT");
  }

  @Test
  void waitingBreaksACapture() {
    JCudaDriver.cuStreamBeginCapture(stream, 0);
    launchAdd(x, y, COUNT);
    assertStatus("CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", () -> cuStreamSynchronize(stream));
    assertStatus(
        "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
        () -> JCudaDriver.cuStreamEndCapture(stream, new CUgraph()));
    cuStreamSynchronize(stream);
    assertThat(firstOfX()).as("captured work has not run").isEqualTo(1f);
  }
}
