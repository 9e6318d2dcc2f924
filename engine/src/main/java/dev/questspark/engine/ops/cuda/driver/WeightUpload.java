package dev.questspark.engine.ops.cuda.driver;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.Tensor;
import java.nio.ByteBuffer;

/**
 * Brings checkpoint tensors to the device, converted on the way, through two pinned buffers: one is
 * filled while the other is on the bus.
 */
public final class WeightUpload implements AutoCloseable {
  /** Large enough for the bus to be busy, small enough to be converted while it is in cache. */
  private static final int CHUNK_BYTES = 4 << 20;

  private final CudaStream stream;
  private final PinnedBuffer[] staging = new PinnedBuffer[2];
  private final UploadEvent[] copied = new UploadEvent[2];
  private int next;

  public WeightUpload(CudaContext context, CudaStream stream) {
    this.stream = stream;
    for (int i = 0; i < staging.length; i++) {
      staging[i] = new PinnedBuffer(context, CHUNK_BYTES);
      copied[i] = new UploadEvent(context);
    }
  }

  /**
   * Copies all of {@code source} to the start of {@code target} (at least as large, contiguous).
   */
  public void upload(HostTensor source, Tensor target) {
    int rows = (int) Math.max(1, CHUNK_BYTES / (source.cols() * 4L));
    for (int row = 0; row < source.rows(); row += rows) {
      int count = Math.min(rows, source.rows() - row);
      upload(source, source.bytes(row, count), target, (long) row * source.cols());
    }
  }

  /** Copies some rows' bytes to element {@code at} of the target on. */
  private void upload(HostTensor source, ByteBuffer data, Tensor target, long at) {
    DType from = source.dtype();
    DType to = target.dtype();
    int elements = data.limit() / from.bytes();
    int chunk = CHUNK_BYTES / to.bytes();
    for (int first = 0; first < elements; first += chunk) {
      int count = Math.min(chunk, elements - first);
      copied[next].await();
      convert(data, first * from.bytes(), count, from, to, staging[next].bytes());
      stream.upload(
          DeviceBuffer.of(target),
          (target.offset() + at + first) * to.bytes(),
          staging[next],
          (long) count * to.bytes(),
          copied[next]);
      next = 1 - next;
    }
  }

  private static void convert(
      ByteBuffer data, int at, int count, DType from, DType to, ByteBuffer pinned) {
    if (from == to) {
      pinned.put(0, data, at, count * from.bytes());
      return;
    }
    if (to == DType.F16 || to == DType.I8) {
      throw new IllegalArgumentException(
          "nothing is converted to " + to + " on the way to the device");
    }
    for (int i = 0; i < count; i++) {
      float value =
          switch (from) {
            case F32 -> data.getFloat(at + 4 * i);
            case BF16 -> DType.bf16ToFloat(data.getShort(at + 2 * i));
            case F16 -> DType.f16ToFloat(data.getShort(at + 2 * i));
            case I8 -> data.get(at + i);
          };
      if (to == DType.F32) {
        pinned.putFloat(4 * i, value);
      } else {
        pinned.putShort(2 * i, DType.floatToBf16(value));
      }
    }
  }

  @Override
  public void close() {
    for (int i = 0; i < staging.length; i++) {
      staging[i].close();
      copied[i].close();
    }
  }
}
