package dev.questspark.job.output;

import java.io.IOException;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Row;
import org.apache.spark.util.SerializableConfiguration;

/**
 * How the answers of one task get into {@code answers/}: batch by batch, each a small Parquet file
 * that is there as a whole or not at all.
 *
 * <p><b>Exactly once.</b> A partition's documents have one order in every attempt ({@link
 * dev.questspark.job.partition.PartitionedCorpus}), and a batch is a run of them; so run, partition
 * and number of the batch name the same rows whoever computes them, and they are the file's name.
 * An attempt leaves out the batches whose files are there. Two attempts at once, a speculative copy
 * or one that Spark takes for dead, both write the batch, each in a file of its own under {@code
 * _uncommitted/RUN/}, and rename it to the one name: the first wins, or the later replaces it by
 * equal rows. No row is doubled and none is lost. A reader of {@code answers/} sees finished files
 * alone.
 *
 * <p><b>What that needs.</b> A file system on which a renamed file appears whole: HDFS and its kin,
 * local and shared POSIX folders. An object store that copies on rename (S3A, GCS) shows an object
 * when it is complete too, so the same holds; there the rename costs a copy.
 *
 * <p><b>Between runs.</b> A run that takes over a dead run's output first deletes that run's folder
 * in {@code _uncommitted/}, after which no left-over executor of it can rename anything into place:
 * its file is gone, and new ones are only created where their folder is. On an object store, which
 * has no folders, a left-over executor could still commit the batch it had begun; the lock's
 * patience ({@link RunLock}) is what guards against it there.
 */
final class AnswerFiles implements AnswerStore.Task {
  /**
   * The folders of a run.
   *
   * @param uncommitted exists as long as the run may commit
   * @param hadoop how to reach them
   */
  record Folders(String answers, String uncommitted, String runId, SerializableConfiguration hadoop)
      implements AnswerStore.Run {
    @Override
    public AnswerFiles task(int partition, long attempt) throws IOException {
      return new AnswerFiles(this, partition, attempt);
    }
  }

  private final Folders folders;
  private final int partition;
  private final long attempt;
  private final FileSystem files;
  private final AnswerParquet format;

  private AnswerFiles(Folders folders, int partition, long attempt) throws IOException {
    Configuration hadoop = folders.hadoop.value();
    this.folders = folders;
    this.partition = partition;
    this.attempt = attempt;
    this.files = OutputFolder.files(new Path(folders.answers), hadoop);
    this.format = new AnswerParquet(files, hadoop);
  }

  @Override
  public boolean has(int batch) throws IOException {
    return files.exists(committed(batch));
  }

  @Override
  public void commit(int batch, List<Row> rows) throws IOException {
    Path unfinished = new Path(folders.uncommitted, committed(batch).getName() + "." + attempt);
    format.write(unfinished, rows);
    if (files.rename(unfinished, committed(batch))) {
      return;
    }
    if (!has(batch)) {
      throw new IOException(
          "batch "
              + batch
              + " of partition "
              + partition
              + " cannot be renamed to "
              + committed(batch)
              + "; run "
              + folders.runId
              + " has lost its output folder to another run, or "
              + folders.uncommitted
              + " was deleted");
    }
    files.delete(unfinished, false);
  }

  private Path committed(int batch) {
    return new Path(
        folders.answers, "part-%s-%05d-%05d.parquet".formatted(folders.runId, partition, batch));
  }
}
