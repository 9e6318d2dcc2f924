package dev.questspark.job.output;

import java.io.IOException;
import java.io.Serial;
import java.net.URI;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileContext;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Options;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.VoidFunction;

/**
 * Replaces a file of {@code answers/} by one with changed rows. The new file takes the old one's
 * name in one rename where the file system can (HDFS, POSIX); an object store deletes first, and a
 * driver that dies in between loses the file's rows to the next run that goes on, which computes
 * them.
 */
final class RewriteFile implements VoidFunction<String> {
  @Serial private static final long serialVersionUID = 1L;

  private final AnswerFiles.Folders folders;
  private final RowChange change;

  RewriteFile(AnswerFiles.Folders folders, RowChange change) {
    this.folders = folders;
    this.change = change;
  }

  @Override
  public void call(String name) throws IOException {
    Configuration conf = folders.hadoop().value();
    Path file = new Path(URI.create(name)); // Spark encodes it
    FileSystem files = OutputFolder.files(file, conf);
    Path changed =
        new Path(folders.uncommitted(), file.getName() + "." + TaskContext.get().taskAttemptId());
    int rows = new AnswerParquet(files, conf).copy(List.of(file), changed, change);
    if (rows == 0) {
      files.delete(file, false);
      files.delete(changed, false);
    } else if (files instanceof RawLocalFileSystem) {
      files.rename(changed, file);
    } else {
      FileContext.getFileContext(file.toUri(), conf)
          .rename(changed, file, Options.Rename.OVERWRITE);
    }
  }
}
