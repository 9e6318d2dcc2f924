package dev.questspark.job.input;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.io.compress.CodecPool;
import org.apache.hadoop.io.compress.CompressionCodec;
import org.apache.hadoop.io.compress.CompressionCodecFactory;
import org.apache.hadoop.io.compress.Decompressor;

/** A file's content, unpacked where its name says that it is packed. */
public final class OpenedFile {
  private static final String READING = "Error while reading file ";

  private OpenedFile() {}

  /** Whether the file's name says that it is packed. */
  public static boolean packed(InputFile file, Configuration hadoop) {
    return codec(file, hadoop) != null;
  }

  private static CompressionCodec codec(InputFile file, Configuration hadoop) {
    return new CompressionCodecFactory(hadoop).getCodec(new Path(file.path()));
  }

  /**
   * Opens it.
   *
   * @param from byte to begin at; 0 for a packed one
   */
  public static InputStream open(InputFile file, long from, Configuration hadoop)
      throws IOException {
    try {
      Path path = new Path(file.path());
      FSDataInputStream in = path.getFileSystem(hadoop).open(path);
      in.seek(from);
      CompressionCodec codec = codec(file, hadoop);
      return codec == null ? in : unpacked(in, codec);
    } catch (IOException unreadable) {
      throw unreadable(file, unreadable);
    }
  }

  private static InputStream unpacked(InputStream in, CompressionCodec codec) throws IOException {
    Decompressor decompressor = CodecPool.getDecompressor(codec);
    return new FilterInputStream(codec.createInputStream(in, decompressor)) {
      @Override
      public void close() throws IOException {
        super.close();
        CodecPool.returnDecompressor(decompressor);
      }
    };
  }

  /** The failure with the file's name, as messages look for it. */
  static IOException unreadable(InputFile file, IOException failure) {
    return failure.getMessage() != null && failure.getMessage().startsWith(READING)
        ? failure
        : new IOException(READING + new Path(file.path()).toUri().toASCIIString(), failure);
  }
}
