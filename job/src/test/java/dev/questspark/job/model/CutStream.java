package dev.questspark.job.model;

import java.io.FilterInputStream;
import java.io.IOException;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.PositionedReadable;
import org.apache.hadoop.fs.Seekable;

/** A stream that breaks off after some bytes, with an exception as a lost connection has. */
final class CutStream extends FilterInputStream implements Seekable, PositionedReadable {
  private final FSDataInputStream whole;
  private long left;

  CutStream(FSDataInputStream whole, long bytes) {
    super(whole);
    this.whole = whole;
    this.left = bytes;
  }

  @Override
  public int read() throws IOException {
    take(1);
    return super.read();
  }

  @Override
  public int read(byte[] target, int offset, int count) throws IOException {
    int read = super.read(target, offset, count);
    take(Math.max(0, read));
    return read;
  }

  private void take(int bytes) throws IOException {
    left -= bytes;
    if (left < 0) {
      throw new IOException("Connection reset");
    }
  }

  @Override
  public void seek(long position) throws IOException {
    whole.seek(position);
  }

  @Override
  public long getPos() throws IOException {
    return whole.getPos();
  }

  @Override
  public boolean seekToNewSource(long position) throws IOException {
    return whole.seekToNewSource(position);
  }

  @Override
  public int read(long position, byte[] target, int offset, int count) throws IOException {
    return whole.read(position, target, offset, count);
  }

  @Override
  public void readFully(long position, byte[] target, int offset, int count) throws IOException {
    whole.readFully(position, target, offset, count);
  }

  @Override
  public void readFully(long position, byte[] target) throws IOException {
    whole.readFully(position, target);
  }
}
