package dev.questspark.job.model;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;

/**
 * This machine's files under a scheme of their own, as a cluster's file system would show them.
 * Each file that is opened is noted, one line each, so that processes can be counted together.
 */
public final class MirrorFileSystem extends RawLocalFileSystem {
  private static final String OPENED = "mirror.opened";
  private static final String CUT = "mirror.cut";

  /** Settings under which {@code mirror:///path} is this machine's {@code /path}. */
  public static Configuration settings(java.nio.file.Path opened) {
    Configuration hadoop = new Configuration();
    hadoop.set("fs.mirror.impl", MirrorFileSystem.class.getName());
    hadoop.setBoolean("fs.mirror.impl.disable.cache", true);
    hadoop.set(OPENED, opened.toString());
    return hadoop;
  }

  /** The same, but files end after so many bytes: a connection that breaks. */
  static Configuration cut(Configuration hadoop, long bytes) {
    Configuration cut = new Configuration(hadoop);
    cut.setLong(CUT, bytes);
    return cut;
  }

  @Override
  public URI getUri() {
    return URI.create("mirror:///");
  }

  @Override
  public String getScheme() {
    return "mirror";
  }

  @Override
  protected void checkPath(Path path) {
    if (path.toUri().getScheme() != null && !path.toUri().getScheme().equals("mirror")) {
      throw new IllegalArgumentException("not mirror: " + path);
    }
  }

  @Override
  public FileStatus[] listStatus(Path folder) throws IOException {
    FileStatus[] files = super.listStatus(folder);
    for (FileStatus file : files) {
      file.setPath(makeQualified(new Path(file.getPath().toUri().getPath())));
    }
    return files;
  }

  @Override
  public FSDataInputStream open(Path file, int bufferBytes) throws IOException {
    Files.writeString(
        java.nio.file.Path.of(getConf().get(OPENED)),
        file.getName() + "\n",
        StandardCharsets.UTF_8,
        StandardOpenOption.CREATE,
        StandardOpenOption.APPEND);
    long cut = getConf().getLong(CUT, Long.MAX_VALUE);
    FSDataInputStream in = super.open(file, bufferBytes);
    return cut == Long.MAX_VALUE ? in : new FSDataInputStream(new CutStream(in, cut));
  }
}
