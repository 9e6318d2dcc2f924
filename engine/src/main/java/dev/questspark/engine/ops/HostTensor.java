package dev.questspark.engine.ops;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * A tensor of a checkpoint, still on the host: in memory, or in a file that is read row by row. It
 * may be larger than a buffer, so that its bytes are had in parts only.
 *
 * @param name the checkpoint's name for it, for error messages
 * @param dtype element type that its rows are read in
 * @param rows product of all dimensions but the last; 1 for a vector
 * @param cols last dimension
 * @param source gives the rows
 */
public record HostTensor(String name, DType dtype, int rows, int cols, Rows source) {
  private static final long BYTES_AT_ONCE = 1 << 20;

  /**
   * A tensor in memory.
   *
   * @param data little-endian bytes, exactly {@code rows * cols * dtype.bytes()} from position 0
   */
  public HostTensor(String name, DType dtype, int rows, int cols, ByteBuffer data) {
    this(name, dtype, rows, cols, new InMemory(data, cols * dtype.bytes()));
    long expected = (long) rows * cols * dtype.bytes();
    if (data.limit() != expected) {
      throw new IllegalArgumentException(
          name
              + ": "
              + data.limit()
              + " bytes, but "
              + rows
              + " x "
              + cols
              + " "
              + dtype
              + " needs "
              + expected);
    }
  }

  /**
   * Where the rows come from: memory, a mapped file, or blocks of another format that are widened
   * while they are read. Any number of threads may read at once.
   */
  public interface Rows {
    /**
     * The bytes of whole rows where they lie, if they lie there one behind the other in the
     * tensor's element type: little-endian, from position 0.
     */
    Optional<ByteBuffer> view(int from, int count);

    /**
     * Writes rows {@code from} to {@code from + count} to {@code target}, a little-endian buffer,
     * from its position on.
     */
    void read(int from, int count, ByteBuffer target);

    /** The reader has what it wanted; memory of the system that is easily had again may go. */
    default void giveBack() {}

    /** The same of some rows. */
    default void giveBack(int from, int count) {}
  }

  private record InMemory(ByteBuffer data, int rowBytes) implements Rows {
    @Override
    public Optional<ByteBuffer> view(int from, int count) {
      ByteBuffer rows = data.slice(from * rowBytes, count * rowBytes);
      return Optional.of(rows.order(ByteOrder.LITTLE_ENDIAN));
    }

    @Override
    public void read(int from, int count, ByteBuffer target) {
      target.put(data.slice(from * rowBytes, count * rowBytes));
    }
  }

  /** Bytes of one row. */
  public long rowBytes() {
    return (long) cols * dtype.bytes();
  }

  /** Where some rows lie, if they lie in memory in this element type; see {@link Rows#view}. */
  public Optional<ByteBuffer> view(int from, int count) {
    return source.view(from, count);
  }

  /** Copies some rows to a little-endian buffer, from its position on. */
  public void read(int from, int count, ByteBuffer target) {
    source.read(from, count, target);
  }

  /** Some rows: where they lie, or copied to new memory. */
  public ByteBuffer bytes(int from, int count) {
    return view(from, count)
        .orElseGet(
            () -> {
              ByteBuffer copy =
                  ByteBuffer.allocate(Math.toIntExact(count * rowBytes()))
                      .order(ByteOrder.LITTLE_ENDIAN);
              read(from, count, copy);
              return copy.flip();
            });
  }

  /** Whether another tensor has the same shape, type and bits. */
  public boolean sameAs(HostTensor other) {
    if (rows != other.rows || cols != other.cols || dtype != other.dtype) {
      return false;
    }
    int some = rowsAtOnce();
    for (int row = 0; row < rows; row += some) {
      int count = Math.min(some, rows - row);
      if (!bytes(row, count).equals(other.bytes(row, count))) {
        return false;
      }
    }
    return true;
  }

  /** Elements that are infinite or NaN. */
  public long countNotFinite() {
    long found = 0;
    int some = rowsAtOnce();
    for (int row = 0; row < rows; row += some) {
      int count = Math.min(some, rows - row);
      ByteBuffer bytes = bytes(row, count);
      for (int i = 0; i < count * cols; i++) {
        if (!Float.isFinite(element(bytes, i))) {
          found++;
        }
      }
    }
    return found;
  }

  private int rowsAtOnce() {
    return (int) Math.max(1, BYTES_AT_ONCE / rowBytes());
  }

  /** The reader has what it wanted; see {@link Rows#giveBack}. */
  public void giveBack() {
    source.giveBack();
  }

  /** The reader has what it wanted of some rows. */
  public void giveBack(int from, int count) {
    source.giveBack(from, count);
  }

  /** Element (row, col), widened to float; exact for every dtype. */
  public float get(int row, int col) {
    return element(bytes(row, 1), col);
  }

  /** Element {@code index} of bytes in this tensor's element type, widened to float. */
  public float element(ByteBuffer bytes, int index) {
    return switch (dtype) {
      case F32 -> bytes.getFloat(index * Float.BYTES);
      case BF16 -> DType.bf16ToFloat(bytes.getShort(index * Short.BYTES));
      case F16 -> DType.f16ToFloat(bytes.getShort(index * Short.BYTES));
      case I8 -> bytes.get(index);
    };
  }
}
