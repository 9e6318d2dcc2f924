package dev.questspark.engine.ops.cuda.prefix;

import dev.questspark.engine.ops.cuda.driver.CudaContext;
import dev.questspark.engine.ops.cuda.driver.CudaStream;
import dev.questspark.engine.ops.cuda.driver.DeviceBuffer;
import dev.questspark.engine.ops.cuda.driver.DevicePool;
import dev.questspark.engine.ops.cuda.driver.LaunchRecorder;
import dev.questspark.engine.ops.cuda.driver.PinnedBuffer;

/** Integers on the device that the host writes, through pinned memory. Grows to what is needed. */
final class DeviceInts implements AutoCloseable {
  private final CudaContext context;
  private final DevicePool pool;
  private final CudaStream stream;
  private final LaunchRecorder recorder;
  private PinnedBuffer staging;
  private DeviceBuffer device;

  DeviceInts(CudaContext context, DevicePool pool, CudaStream stream, LaunchRecorder recorder) {
    this.context = context;
    this.pool = pool;
    this.stream = stream;
    this.recorder = recorder;
  }

  /** Integers that there is room for. */
  long capacity() {
    return device == null ? 0 : device.bytes() / 4;
  }

  /** Makes room for so many; what was there is lost if that means new memory. */
  void reserve(long ints) {
    if (ints <= capacity()) {
      return;
    }
    recorder.flush();
    stream.await(recorder); // the launches so far read the old memory
    if (device != null) {
      device.close();
    }
    device = pool.allocate(Math.multiplyExact(4L, ints));
  }

  /** Writes integers from place {@code at} on, in the order of the stream. */
  void write(long at, int[] values, int count) {
    if (count == 0) {
      return;
    }
    if (at + count > capacity()) {
      throw new IllegalArgumentException(
          count + " integers from " + at + " on, with room for " + capacity());
    }
    recorder.flush(); // what is only written down yet may read what this replaces
    stream.awaitUpload();
    if (staging == null || staging.bytes().capacity() < 4L * count) {
      if (staging != null) {
        staging.close();
      }
      staging = new PinnedBuffer(context, Math.multiplyExact(4, Math.max(count, 4096)));
    }
    staging.bytes().asIntBuffer().put(0, values, 0, count);
    stream.upload(device, 4 * at, staging, 4L * count);
  }

  long address() {
    return device.address();
  }

  @Override
  public void close() {
    if (staging != null) {
      staging.close();
      staging = null;
    }
    if (device != null) {
      device.close();
      device = null;
    }
  }
}
