package dev.questspark.engine.ops.cuda.driver;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import jcuda.driver.JCudaDriver;

/**
 * Page-locked host memory: the only kind that the device copies from and to without stopping the
 * host.
 */
public final class PinnedBuffer implements AutoCloseable {
  private final CudaContext context;
  private final Pointer pointer = new Pointer();
  private final ByteBuffer bytes;
  private boolean closed;

  public PinnedBuffer(CudaContext context, int bytes) {
    this.context = context;
    context.bind();
    context.run(
        "allocating " + bytes + " bytes of pinned memory",
        () -> JCudaDriver.cuMemHostAlloc(pointer, bytes, 0));
    this.bytes = pointer.getByteBuffer(0, bytes).order(ByteOrder.nativeOrder());
  }

  Pointer pointer() {
    return pointer;
  }

  public ByteBuffer bytes() {
    return bytes;
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    if (!context.lost()) {
      context.bind();
      context.run("freeing pinned memory", () -> JCudaDriver.cuMemFreeHost(pointer));
    }
  }
}
