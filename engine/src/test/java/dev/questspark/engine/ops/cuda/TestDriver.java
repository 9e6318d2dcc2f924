package dev.questspark.engine.ops.cuda;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cuda.driver.DevicePool;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUmodule;
import jcuda.driver.JCudaDriver;

/**
 * The test-only {@code libcuda.so.1} of {@code kernels/testdriver}: our kernels, compiled for the
 * host, behind the driver API that JCuda calls. The methods say what it is to do wrong.
 */
public final class TestDriver {
  private static final String FOLDER = System.getProperty("questspark.testdriver", "");

  static {
    if (isBuilt()) {
      System.load(Path.of(FOLDER, "libcuda.so.1").toAbsolutePath().toString());
    }
  }

  private TestDriver() {}

  /** Whether this build has it: in the lanes that need it, and in no other. */
  public static boolean isBuilt() {
    return !FOLDER.isEmpty();
  }

  /** Fails with the remedy where the driver is not built. */
  static void require() {
    if (!isBuilt()) {
      throw new IllegalStateException(
          "this test needs the test driver of kernels/testdriver; add -Dlane=cuda, which builds it");
    }
  }

  /**
   * The CUDA backend with an allocation of its own for every tensor, so that the driver's canaries
   * stand around each.
   */
  public static CudaBackend open(CudaOptions options) {
    // Tests leave their tensors to the backend's close, which would warn of each.
    System.setProperty("org.slf4j.simpleLogger.log." + DevicePool.class.getName(), "error");
    return CudaBackend.open(options, 0);
  }

  /** For plain JCuda: device 0, its primary context retained and current, and the kernels. */
  static CUmodule retain(CUdevice device) {
    JCudaDriver.setExceptionsEnabled(true);
    JCudaDriver.cuInit(0);
    JCudaDriver.cuDeviceGet(device, 0);
    CUcontext context = new CUcontext();
    JCudaDriver.cuDevicePrimaryCtxRetain(context, device);
    JCudaDriver.cuCtxSetCurrent(context);
    CUmodule module = new CUmodule();
    JCudaDriver.cuModuleLoadData(module, "quest-testdriver".getBytes(StandardCharsets.US_ASCII));
    return module;
  }

  /** A tensor in an element type of the caller's choice. */
  public static Tensor upload(CudaBackend backend, HostTensor source, DType dtype) {
    return backend.upload(source, dtype);
  }

  /** Forgets all injections, and zeroes the counters. Memory and contexts stay. */
  public static native void reset();

  /** The n-th launch call from now is refused with CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES. */
  public static native void failLaunch(long n);

  /** After n more launch calls the context is lost: CUDA_ERROR_ILLEGAL_ADDRESS from then on. */
  public static native void loseContextAfter(long n);

  /** Memory of each device. */
  public static native void memoryBytes(long bytes);

  /** Number of devices. */
  public static native void devices(int count);

  /** Newest CUDA version that the driver speaks: 1000 * major + 10 * minor. */
  public static native void driverVersion(int version);

  /** Whether work runs when it is queued, and not as late as the API allows. */
  public static native void eager(boolean eager);

  /** Whether launches are searched for data races. */
  public static native void races(boolean searched);

  /** Turns of a block's threads: 0 forward, 1 reverse, 2 shuffled. */
  public static native void threadOrder(int order);

  /** Launch calls since {@link #reset}. */
  public static native long launches();

  /** Graph launches since {@link #reset}. */
  public static native long graphLaunches();

  /** Device and pinned allocations that were not freed. */
  public static native long outstandingAllocations();
}
