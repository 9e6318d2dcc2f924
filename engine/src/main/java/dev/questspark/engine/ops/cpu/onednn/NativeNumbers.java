package dev.questspark.engine.ops.cpu.onednn;

import dev.questspark.engine.ops.DType;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.ShortBuffer;
import org.bytedeco.dnnl.memory;
import org.bytedeco.javacpp.BytePointer;

/** Native numbers of one type, f32 or bf16, that heap arrays are copied to for oneDNN to read. */
public final class NativeNumbers {
  private final DType dtype;
  private final ByteBuffer bytes;
  private final FloatBuffer floats;
  private final ShortBuffer bits;

  /** So many zeros. */
  public NativeNumbers(DType dtype, long count) {
    this.dtype = dtype;
    this.bytes = OneDnn.bytes(count * dtype.bytes());
    this.floats = bytes.asFloatBuffer();
    this.bits = bytes.asShortBuffer();
  }

  /**
   * A matrix that starts at number {@code at}; valid as long as these numbers are.
   *
   * @param rowStride numbers from one row to the next
   */
  public memory matrix(OneDnn library, int at, long rows, long cols, long rowStride) {
    int from = at * dtype.bytes();
    BytePointer start = new BytePointer(bytes.duplicate().position(from).slice());
    return library.memory(OneDnn.rowMajor(OneDnn.type(dtype), rows, cols, rowStride), start);
  }

  /**
   * Copies {@code count} numbers.
   *
   * @param array of this type: floats, or bf16 bit patterns as shorts
   */
  public void put(int at, Object array, int from, int count) {
    if (dtype == DType.F32) {
      floats.put(at, (float[]) array, from, count);
    } else {
      bits.put(at, (short[]) array, from, count);
    }
  }

  /** Copies {@code count} numbers of type f32 to the heap. */
  public void get(int at, float[] array, int to, int count) {
    floats.get(at, array, to, count);
  }
}
