package dev.questspark.engine.ops.cpu.memory;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;

/**
 * A block of memory outside the Java heap, mapped for itself, so that the system has it back when
 * it is closed; in huge pages where there are such: a packed weight is read from end to end at
 * every step, and small pages would cost a fault at first touch and an entry of the translation
 * buffer every 4 KiB.
 */
public final class NativeMemory implements AutoCloseable {
  private static final long HUGE_PAGE = 2 << 20;

  // linux/mman.h
  private static final int PROT_READ_WRITE = 1 | 2;
  private static final int MAP_PRIVATE_ANONYMOUS = 2 | 0x20;
  private static final int MADV_HUGEPAGE = 14;
  private static final long MAP_FAILED = -1;

  private final long bytes;
  private final long mapped;
  private final long mappedBytes;
  private long address;

  /** The C library's functions, looked up once. */
  private static final class Libc {
    static final Function MAP = NativeLibrary.getInstance("c").getFunction("mmap");
    static final Function ADVISE = NativeLibrary.getInstance("c").getFunction("madvise");
    static final Function UNMAP = NativeLibrary.getInstance("c").getFunction("munmap");
  }

  /**
   * Maps zeroed memory; nothing is written, so pages come into being where they are first touched.
   *
   * @throws OutOfMemoryError if the system refuses
   */
  public NativeMemory(long bytes) {
    this.bytes = bytes;
    this.mappedBytes = Math.max(1, bytes) + HUGE_PAGE; // untouched: room to begin at a huge page
    this.mapped =
        Libc.MAP.invokeLong(
            new Object[] {0L, mappedBytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0L});
    if (mapped == MAP_FAILED) {
      throw new OutOfMemoryError("no " + bytes + " bytes of native memory");
    }
    this.address = (mapped + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    // A hint; the last, partly used huge page stays in small ones. Systems without it lose nothing.
    long whole = bytes / HUGE_PAGE * HUGE_PAGE;
    Libc.ADVISE.invokeInt(new Object[] {address, whole, MADV_HUGEPAGE});
  }

  /** The memory from byte {@code at} on; does not keep it alive. */
  public Pointer from(long at) {
    if (address == 0) {
      throw new IllegalStateException("native memory was used after it was closed");
    }
    if (at < 0 || at > bytes) {
      throw new IndexOutOfBoundsException("byte " + at + " of " + bytes);
    }
    return new Place(address + at);
  }

  /** All of the memory, at most 2 GiB; does not keep it alive. */
  public ByteBuffer bytes() {
    return bytes(0, bytes);
  }

  /** So many bytes from {@code at} on, at most 2 GiB; does not keep them alive. */
  public ByteBuffer bytes(long at, long count) {
    return new BytePointer(from(at)).capacity(count).asByteBuffer().order(ByteOrder.nativeOrder());
  }

  /** As {@link #bytes}. */
  public FloatBuffer floats() {
    return bytes().asFloatBuffer();
  }

  public long size() {
    return bytes;
  }

  private static final class Place extends Pointer {
    Place(long address) {
      super((Pointer) null);
      this.address = address;
    }
  }

  @Override
  public void close() {
    if (address != 0) {
      Libc.UNMAP.invokeInt(new Object[] {mapped, mappedBytes});
      address = 0;
    }
  }
}
