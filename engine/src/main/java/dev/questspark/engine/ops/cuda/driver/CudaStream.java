package dev.questspark.engine.ops.cuda.driver;

import jcuda.CudaException;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/** The one stream that all work of a backend goes through, in order. */
public final class CudaStream implements AutoCloseable {
  private final CudaContext context;
  private final CUstream stream = new CUstream();
  private final CUevent uploaded = new CUevent();
  private boolean closed;

  public CudaStream(CudaContext context) {
    this.context = context;
    context.run(
        "creating a stream",
        () -> {
          JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING);
          JCudaDriver.cuEventCreate(uploaded, CUevent_flags.CU_EVENT_DISABLE_TIMING);
        });
  }

  public CUstream handle() {
    return stream;
  }

  /** Queues a copy out of pinned memory; {@link #awaitUpload} says when that may be overwritten. */
  public void upload(DeviceBuffer target, long targetOffset, PinnedBuffer source, long bytes) {
    context.run(
        "uploading " + bytes + " bytes",
        () -> {
          JCudaDriver.cuMemcpyHtoDAsync(
              target.pointer(targetOffset), source.pointer(), bytes, stream);
          JCudaDriver.cuEventRecord(uploaded, stream);
        });
  }

  /** Waits until the last {@link #upload} has read its pinned memory. */
  public void awaitUpload() {
    context.run("waiting for an upload", () -> JCudaDriver.cuEventSynchronize(uploaded));
  }

  /** Queues a copy into pinned memory; it is there after {@link #await}. */
  void download(PinnedBuffer target, long targetOffset, CUdeviceptr source, long bytes) {
    context.run(
        "reading " + bytes + " bytes back",
        () ->
            JCudaDriver.cuMemcpyDtoHAsync(
                target.pointer().withByteOffset(targetOffset), source, bytes, stream));
  }

  /** Queues zeros; {@code bytes} is a multiple of 4. */
  public void zero(DeviceBuffer target, long bytes) {
    if (bytes > 0) {
      context.run(
          "clearing " + bytes + " bytes",
          () -> JCudaDriver.cuMemsetD32Async(target.pointer(0), 0, bytes / 4, stream));
    }
  }

  /** Waits for everything queued; a failure names the last recorded launch. */
  public void await(LaunchRecorder recorder) {
    try {
      JCudaDriver.cuStreamSynchronize(stream);
    } catch (CudaException e) {
      throw context.failure(e, "waiting for the device, after " + recorder.last());
    }
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    if (!context.lost()) {
      context.run(
          "closing the stream",
          () -> {
            JCudaDriver.cuEventDestroy(uploaded);
            JCudaDriver.cuStreamDestroy(stream);
          });
    }
  }
}
