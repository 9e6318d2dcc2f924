package dev.questspark.engine.ops.cuda.driver;

import dev.questspark.engine.failure.DeviceException;
import java.util.Set;
import jcuda.CudaException;
import jcuda.driver.CUcontext;
import jcuda.driver.JCudaDriver;

/**
 * The device's primary context. One thread works with it at a time: a context is current per
 * thread, so whoever takes over calls {@link #bind} first (the engine is opened on one thread and
 * runs on another).
 */
public final class CudaContext implements AutoCloseable {
  /**
   * Statuses after which the driver refuses every call of this process (CUDA Driver API, CUresult):
   * the context, or the device itself, is gone.
   */
  private static final Set<String> STICKY =
      Set.of(
          "CUDA_ERROR_DEINITIALIZED",
          "CUDA_ERROR_DEVICE_UNAVAILABLE",
          "CUDA_ERROR_ECC_UNCORRECTABLE",
          "CUDA_ERROR_NVLINK_UNCORRECTABLE",
          "CUDA_ERROR_ILLEGAL_ADDRESS",
          "CUDA_ERROR_LAUNCH_TIMEOUT",
          "CUDA_ERROR_CONTEXT_IS_DESTROYED",
          "CUDA_ERROR_ASSERT",
          "CUDA_ERROR_HARDWARE_STACK_ERROR",
          "CUDA_ERROR_ILLEGAL_INSTRUCTION",
          "CUDA_ERROR_MISALIGNED_ADDRESS",
          "CUDA_ERROR_INVALID_ADDRESS_SPACE",
          "CUDA_ERROR_INVALID_PC",
          "CUDA_ERROR_LAUNCH_FAILED",
          "CUDA_ERROR_UNKNOWN");

  private final int device;
  private final CUcontext context = new CUcontext();
  private Thread bound;
  private boolean lost;
  private boolean closed;

  public CudaContext(int device) {
    this.device = device;
    run("opening the device's context", () -> retain());
    bind();
  }

  private void retain() {
    JCudaDriver.cuDevicePrimaryCtxRetain(context, CudaDevice.handle(device));
  }

  /** Makes the context current on the calling thread, if another thread was the last one. */
  public void bind() {
    if (bound != Thread.currentThread()) {
      run("making the context current", () -> JCudaDriver.cuCtxSetCurrent(context));
      bound = Thread.currentThread();
    }
  }

  /** Whether a sticky error has ended the context. */
  public boolean lost() {
    return lost;
  }

  /** A driver call; JCuda's exceptions become {@link DeviceException}. */
  public void run(String doing, Runnable call) {
    try {
      call.run();
    } catch (CudaException e) {
      throw failure(e, doing);
    }
  }

  /** The exception for a failed call; remembers that the context is lost if it is. */
  public DeviceException failure(CudaException e, String doing) {
    boolean sticky = STICKY.contains(e.getMessage());
    lost |= sticky;
    return new DeviceException(e.getMessage(), sticky, doing, e);
  }

  /**
   * Gives the context back; the driver frees the memory that is left in it. A lost one is given
   * back too.
   */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      JCudaDriver.cuDevicePrimaryCtxRelease(CudaDevice.handle(device));
    } catch (CudaException e) {
      if (!lost) {
        throw failure(e, "closing the device's context");
      }
    }
  }
}
