package dev.questspark.engine.checkpoint.files;

import dev.questspark.engine.failure.ConfigException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** What a clone without Git LFS leaves in the place of a large file: a few lines about it. */
public final class GitLfsPointer {
  private static final String START = "version https://git-lfs";

  private GitLfsPointer() {}

  /**
   * @throws ConfigException with the remedy, if an open file is a pointer
   */
  public static void refuse(Path file, FileChannel channel) throws IOException {
    ByteBuffer start = ByteBuffer.allocate(START.length());
    channel.read(start, 0);
    refuse(file, StandardCharsets.ISO_8859_1.decode(start.flip()).toString());
  }

  /**
   * @throws ConfigException with the remedy, if a file's text is a pointer
   */
  public static void refuse(Path file, String text) {
    if (text.startsWith(START)) {
      throw new ConfigException(
          file + " is a Git LFS pointer, not the file itself; run \"git lfs pull\" in its folder");
    }
  }
}
