package dev.questspark.engine.checkpoint.files;

import com.sun.jna.Function;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Platform;
import java.nio.ByteBuffer;

/**
 * Tells the system that the pages of a mapped file are not needed for now, so that a checkpoint and
 * its packed form are not resident at once. Java unmaps when it collects, which may be never; the
 * mapping itself stays, and whoever reads it again reads the file cache.
 */
final class MappedPages {
  private static final int MADV_DONTNEED = 4; // linux/mman.h
  private static final long PAGE = 4096;

  private MappedPages() {}

  private static final class Libc {
    static final Function ADVISE = NativeLibrary.getInstance("c").getFunction("madvise");
  }

  /**
   * Gives back the whole pages of {@code mapped}, a read-only mapping; other buffers stay as they
   * are.
   */
  static void giveBack(ByteBuffer mapped) {
    if (!Platform.isLinux() || !mapped.isDirect() || !mapped.isReadOnly()) {
      return; // dropping the pages of anything but a file would lose what is in them
    }
    long start = com.sun.jna.Pointer.nativeValue(Native.getDirectBufferPointer(mapped));
    long from = (start + PAGE - 1) / PAGE * PAGE;
    long bytes = (start + mapped.limit()) / PAGE * PAGE - from;
    if (bytes > 0) {
      Libc.ADVISE.invokeInt(new Object[] {from, bytes, MADV_DONTNEED}); // a hint
    }
  }
}
