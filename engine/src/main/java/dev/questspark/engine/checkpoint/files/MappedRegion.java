package dev.questspark.engine.checkpoint.files;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A part of a file of any length, mapped read-only, in as many mappings as it takes: one holds at
 * most 2 GiB. It stays readable after the file is closed. Its pages are clean file cache, which the
 * system may take back at any time.
 */
public final class MappedRegion {
  private static final long SEGMENT = 1L << 30;

  private final long bytes;
  private final List<ByteBuffer> segments;

  private MappedRegion(long bytes, List<ByteBuffer> segments) {
    this.bytes = bytes;
    this.segments = segments;
  }

  /** Maps bytes [offset, offset + bytes) of an open file. */
  public static MappedRegion map(FileChannel channel, long offset, long bytes) throws IOException {
    List<ByteBuffer> segments = new ArrayList<>();
    for (long at = 0; at < bytes; at += SEGMENT) {
      long length = Math.min(SEGMENT, bytes - at);
      segments.add(
          channel
              .map(FileChannel.MapMode.READ_ONLY, offset + at, length)
              .order(ByteOrder.LITTLE_ENDIAN));
    }
    return new MappedRegion(bytes, segments);
  }

  /** Length of the region. */
  public long bytes() {
    return bytes;
  }

  /** Bytes [at, at + count) where they lie, unless a border of two mappings is between them. */
  public Optional<ByteBuffer> view(long at, int count) {
    if (count == 0) {
      return Optional.of(ByteBuffer.allocateDirect(0).order(ByteOrder.LITTLE_ENDIAN));
    }
    int segment = (int) (at / SEGMENT);
    if ((at + count - 1) / SEGMENT != segment) {
      return Optional.empty();
    }
    ByteBuffer found = segments.get(segment).slice((int) (at % SEGMENT), count);
    return Optional.of(found.order(ByteOrder.LITTLE_ENDIAN));
  }

  /** Copies bytes [at, at + count) to a buffer, from its position on. */
  public void read(long at, long count, ByteBuffer target) {
    long end = at + count;
    for (long from = at; from < end; ) {
      int offset = (int) (from % SEGMENT);
      int length = (int) Math.min(SEGMENT - offset, end - from);
      target.put(segments.get((int) (from / SEGMENT)).slice(offset, length));
      from += length;
    }
  }

  /** Bytes [at, at + count): where they lie, or copied where a border is between them. */
  public ByteBuffer bytes(long at, int count) {
    return view(at, count)
        .orElseGet(
            () -> {
              ByteBuffer copy = ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
              read(at, count, copy);
              return copy.flip();
            });
  }

  /** The byte at {@code at}. */
  public byte get(long at) {
    return segments.get((int) (at / SEGMENT)).get((int) (at % SEGMENT));
  }

  /** The four bytes at {@code at}, a multiple of 4, as an integer. */
  public int getInt(long at) {
    return segments.get((int) (at / SEGMENT)).getInt((int) (at % SEGMENT));
  }

  /** The pages are not needed for now; whoever reads them again reads the file cache. */
  public void giveBack() {
    segments.forEach(MappedPages::giveBack);
  }

  /** The same of bytes [at, at + count). */
  public void giveBack(long at, long count) {
    long end = at + count;
    for (long from = at; from < end; ) {
      int offset = (int) (from % SEGMENT);
      int length = (int) Math.min(SEGMENT - offset, end - from);
      MappedPages.giveBack(segments.get((int) (from / SEGMENT)).slice(offset, length));
      from += length;
    }
  }
}
