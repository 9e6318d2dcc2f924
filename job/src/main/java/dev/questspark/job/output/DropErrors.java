package dev.questspark.job.output;

import dev.questspark.engine.failure.ErrorCode;
import java.io.IOException;
import java.io.Serial;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileContext;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Options;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.parquet.example.data.Group;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.VoidFunction;

/**
 * Replaces a file of {@code answers/} by the same without its error rows. The new file takes the
 * old one's name in one rename where the file system can (HDFS, POSIX); an object store deletes
 * first, and a driver that dies in between loses the file's rows to the next resumed run, which
 * computes them.
 */
final class DropErrors implements VoidFunction<String> {
  @Serial private static final long serialVersionUID = 1L;

  private final AnswerFiles.Folders folders;
  private final String paramsHash;

  DropErrors(AnswerFiles.Folders folders, String paramsHash) {
    this.folders = folders;
    this.paramsHash = paramsHash;
  }

  @Override
  public void call(String name) throws IOException {
    Configuration conf = folders.hadoop().value();
    Path file = new Path(name);
    FileSystem files = OutputFolder.files(file, conf);
    Path remaining =
        new Path(folders.uncommitted(), file.getName() + "." + TaskContext.get().taskAttemptId());
    int rows = new AnswerParquet(files, conf).copy(file, remaining, this::stays);
    if (rows == 0) {
      files.delete(file, false);
      files.delete(remaining, false);
    } else if (files instanceof RawLocalFileSystem) {
      files.rename(remaining, file);
    } else {
      FileContext.getFileContext(file.toUri(), conf)
          .rename(remaining, file, Options.Rename.OVERWRITE);
    }
  }

  private boolean stays(Group row) {
    return row.getString("status", 0).equals("ok")
        || !row.getString("params_hash", 0).equals(paramsHash)
        || row.getString("error_code", 0).equals(ErrorCode.DUPLICATE_ID.name());
  }
}
