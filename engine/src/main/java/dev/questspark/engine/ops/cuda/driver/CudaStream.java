package dev.questspark.engine.ops.cuda.driver;

import jcuda.CudaException;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/** The one stream that all work of a backend goes through, in order. */
public final class CudaStream implements AutoCloseable {
  private final CudaContext context;
  private final CUstream stream = new CUstream();
  private final UploadEvent uploaded;
  private boolean closed;

  public CudaStream(CudaContext context) {
    this.context = context;
    context.run(
        "creating a stream",
        () -> JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING));
    this.uploaded = new UploadEvent(context);
  }

  public CUstream handle() {
    return stream;
  }

  /** Queues a copy out of pinned memory; {@link #awaitUpload} says when that may be overwritten. */
  public void upload(DeviceBuffer target, long targetOffset, PinnedBuffer source, long bytes) {
    upload(target, targetOffset, source, bytes, uploaded);
  }

  /** As above; {@code read} says when the pinned memory may be overwritten. */
  void upload(
      DeviceBuffer target, long targetOffset, PinnedBuffer source, long bytes, UploadEvent read) {
    context.run(
        "uploading " + bytes + " bytes",
        () -> {
          JCudaDriver.cuMemcpyHtoDAsync(
              target.pointer(targetOffset), source.pointer(), bytes, stream);
          read.record(stream);
        });
  }

  /** Waits until the last {@link #upload} has read its pinned memory. */
  public void awaitUpload() {
    uploaded.await();
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
    uploaded.close();
    if (!context.lost()) {
      context.run("closing the stream", () -> JCudaDriver.cuStreamDestroy(stream));
    }
  }
}
