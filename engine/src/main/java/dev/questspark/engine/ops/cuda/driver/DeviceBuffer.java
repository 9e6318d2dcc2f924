package dev.questspark.engine.ops.cuda.driver;

import dev.questspark.engine.ops.Buffer;
import dev.questspark.engine.ops.Tensor;
import jcuda.driver.CUdeviceptr;

/** A block of device memory out of a {@link DevicePool}. */
public final class DeviceBuffer implements Buffer {
  private final DevicePool pool;
  private final DevicePool.Slab slab;
  private final long offset;
  private final long bytes;
  private final String site;
  private boolean closed;

  DeviceBuffer(DevicePool pool, DevicePool.Slab slab, long offset, long bytes, String site) {
    this.pool = pool;
    this.slab = slab;
    this.offset = offset;
    this.bytes = bytes;
    this.site = site;
  }

  public static DeviceBuffer of(Tensor tensor) {
    if (tensor.buffer() instanceof DeviceBuffer device) {
      return device;
    }
    throw new IllegalArgumentException("the tensor belongs to another backend");
  }

  /** Address of a view's first element. */
  public static long addressOf(Tensor tensor) {
    return of(tensor).address() + tensor.offset() * tensor.dtype().bytes();
  }

  /** Address of the first byte. */
  public long address() {
    if (closed) {
      throw new IllegalStateException("a device buffer allocated at " + site + " is closed");
    }
    return slab.address.value() + offset;
  }

  /** JCuda's pointer to a byte of the buffer, for copies. */
  public CUdeviceptr pointer(long byteOffset) {
    if (closed) {
      throw new IllegalStateException("a device buffer allocated at " + site + " is closed");
    }
    return slab.address.withByteOffset(offset + byteOffset);
  }

  /** Where it was allocated. */
  public String site() {
    return site;
  }

  @Override
  public long bytes() {
    return bytes;
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      pool.release(this, slab);
    }
  }
}
