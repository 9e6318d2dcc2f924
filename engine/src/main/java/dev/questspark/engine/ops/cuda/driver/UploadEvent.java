package dev.questspark.engine.ops.cuda.driver;

import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/** Says when the device has read pinned memory. */
final class UploadEvent implements AutoCloseable {
  private final CudaContext context;
  private final CUevent event = new CUevent();

  UploadEvent(CudaContext context) {
    this.context = context;
    context.bind();
    context.run(
        "creating an event",
        () -> JCudaDriver.cuEventCreate(event, CUevent_flags.CU_EVENT_DISABLE_TIMING));
  }

  /** Marks what is queued so far. */
  void record(CUstream stream) {
    JCudaDriver.cuEventRecord(event, stream);
  }

  /** Waits for what was marked last; for nothing if nothing was. */
  void await() {
    context.run("waiting for an upload", () -> JCudaDriver.cuEventSynchronize(event));
  }

  @Override
  public void close() {
    if (!context.lost()) {
      context.bind();
      context.run("destroying an event", () -> JCudaDriver.cuEventDestroy(event));
    }
  }
}
