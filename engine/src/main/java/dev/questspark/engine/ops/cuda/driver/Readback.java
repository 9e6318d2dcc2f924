package dev.questspark.engine.ops.cuda.driver;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.Tensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Device to host, through pinned memory: the place where the host waits for the device. A tensor is
 * read whole when its first row is asked for, so that a step's logits cost one wait.
 */
public final class Readback implements AutoCloseable {
  private static final int FIRST_BYTES = 1 << 20;

  /** A tensor larger than this is read row by row. */
  private static final long WHOLE_TENSOR_BYTES = 64L << 20;

  private final CudaContext context;
  private final CudaStream stream;
  private final LaunchRecorder recorder;
  private PinnedBuffer pinned;
  private Tensor cached;
  private long cachedFlushes;

  public Readback(CudaContext context, CudaStream stream, LaunchRecorder recorder) {
    this.context = context;
    this.stream = stream;
    this.recorder = recorder;
    this.pinned = new PinnedBuffer(context, FIRST_BYTES);
  }

  /** Row {@code row} of a tensor, widened to float. */
  public void read(Tensor source, int row, float[] target) {
    OpArguments.requireRow(source, row, target);
    int bytes = source.dtype().bytes();
    long rowBytes = (long) source.cols() * bytes;
    long span = ((source.rows() - 1L) * source.rowStride() + source.cols()) * bytes;
    if (span > WHOLE_TENSOR_BYTES) {
      long at = (source.offset() + (long) row * source.rowStride()) * bytes;
      widen(read(DeviceBuffer.of(source), at, rowBytes), 0, source, target);
      return;
    }
    if (!source.equals(cached) || !recorder.isEmpty() || recorder.flushes() != cachedFlushes) {
      read(DeviceBuffer.of(source), source.offset() * bytes, span);
      cached = source;
      cachedFlushes = recorder.flushes();
    }
    widen(pinned.bytes(), row * source.rowStride() * bytes, source, target);
  }

  /**
   * Waits for everything queued, then gives bytes of a buffer, in pinned memory that the next read
   * overwrites.
   */
  public ByteBuffer read(DeviceBuffer source, long offset, long bytes) {
    context.bind();
    recorder.flush();
    cached = null;
    if (bytes > pinned.bytes().capacity()) {
      pinned.close();
      pinned = new PinnedBuffer(context, Math.toIntExact(Math.max(bytes, 2L * FIRST_BYTES)));
    }
    if (bytes > 0) {
      stream.download(pinned, 0, source.pointer(offset), bytes);
    }
    stream.await(recorder);
    return pinned.bytes().duplicate().order(ByteOrder.nativeOrder());
  }

  private static void widen(ByteBuffer bytes, int at, Tensor source, float[] target) {
    DType dtype = source.dtype();
    for (int c = 0; c < source.cols(); c++) {
      target[c] =
          switch (dtype) {
            case F32 -> bytes.getFloat(at + 4 * c);
            case BF16 -> DType.bf16ToFloat(bytes.getShort(at + 2 * c));
            case F16 -> DType.f16ToFloat(bytes.getShort(at + 2 * c));
            case I8 -> bytes.get(at + c);
          };
    }
  }

  /** Forgets what was read: the device's memory changed without a launch. */
  void forget() {
    cached = null;
  }

  @Override
  public void close() {
    pinned.close();
  }
}
