package dev.questspark.engine.ops.cpu;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import com.sun.jna.ptr.LongByReference;
import org.bytedeco.javacpp.Pointer;

/**
 * A block of memory outside the Java heap, in huge pages where the system has them: a packed weight
 * is read from end to end at every step, and small pages would cost a fault at first touch and an
 * entry of the translation buffer every 4 KiB.
 */
final class NativeMemory implements AutoCloseable {
  private static final long HUGE_PAGE = 2 << 20;
  private static final int MADV_HUGEPAGE = 14; // linux/mman.h

  private final long bytes;
  private long address;

  /** The C library's functions, looked up once. */
  private static final class Libc {
    static final Function ALLOCATE = NativeLibrary.getInstance("c").getFunction("posix_memalign");
    static final Function ADVISE = NativeLibrary.getInstance("c").getFunction("madvise");
    static final Function FREE = NativeLibrary.getInstance("c").getFunction("free");
  }

  /**
   * Allocates; nothing is written, so pages come into being where they are first touched.
   *
   * @throws OutOfMemoryError if the system refuses
   */
  NativeMemory(long bytes) {
    LongByReference start = new LongByReference();
    if (Libc.ALLOCATE.invokeInt(new Object[] {start, HUGE_PAGE, bytes}) != 0) {
      throw new OutOfMemoryError("no " + bytes + " bytes of native memory for a packed weight");
    }
    this.bytes = bytes;
    this.address = start.getValue();
    // A hint; the last, partly used huge page stays in small ones. Systems without it lose nothing.
    long whole = bytes / HUGE_PAGE * HUGE_PAGE;
    Libc.ADVISE.invokeInt(new Object[] {address, whole, MADV_HUGEPAGE});
  }

  /** The memory from byte {@code at} on; does not keep it alive. */
  Pointer from(long at) {
    if (address == 0) {
      throw new IllegalStateException("native memory was used after it was closed");
    }
    if (at < 0 || at > bytes) {
      throw new IndexOutOfBoundsException("byte " + at + " of " + bytes);
    }
    return new Place(address + at);
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
      Libc.FREE.invokeVoid(new Object[] {address});
      address = 0;
    }
  }
}
