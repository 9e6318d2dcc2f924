package dev.questspark.job.output;

import static org.apache.spark.sql.functions.col;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.failure.ErrorCode;
import java.io.IOException;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;

/**
 * {@code answers/}: a folder of small Parquet files, one per batch, which {@link AnswerFiles}
 * commits by renaming.
 */
final class ParquetAnswers implements AnswerStore {
  private static final String SUCCESS = "_SUCCESS";
  private static final int MOST_TASKS = 256;

  private final Path folder;
  private final Path uncommitted;
  private final FileSystem files;
  private final SerializableConfiguration hadoop;

  /**
   * @param root the output folder
   */
  ParquetAnswers(Path root, FileSystem files, Configuration hadoop) {
    this.folder = new Path(root, "answers");
    this.uncommitted = new Path(root, "_uncommitted");
    this.files = files;
    this.hadoop = new SerializableConfiguration(hadoop);
  }

  @Override
  public String place() {
    return folder.toString();
  }

  @Override
  public boolean hasAnswers() {
    try {
      FileStatus[] found =
          files.globStatus(new Path(folder, "*.parquet"), path -> !path.getName().startsWith("_"));
      return found != null && found.length > 0;
    } catch (IOException unreadable) {
      throw new ConfigException(
          "Answers in " + folder + " cannot be read: " + unreadable.getMessage(), unreadable);
    }
  }

  @Override
  public List<String> columns(SparkSession spark) {
    return List.of(spark.read().parquet(place()).columns());
  }

  @Override
  public Dataset<Row> read(SparkSession spark) {
    return spark.read().schema(AnswerSchema.schema()).parquet(place());
  }

  @Override
  public void clear() throws IOException {
    files.delete(folder, true);
  }

  @Override
  public AnswerFiles.Folders begin(String runId) throws IOException {
    files.delete(new Path(folder, SUCCESS), false);
    files.mkdirs(folder);
    files.mkdirs(uncommitted(runId));
    return folders(runId);
  }

  private AnswerFiles.Folders folders(String runId) {
    return new AnswerFiles.Folders(place(), uncommitted(runId).toString(), runId, hadoop);
  }

  /** Marks the answers the way Spark does. */
  @Override
  public void complete(String runId) throws IOException {
    if (!hasAnswers()) { // no document: no rows, but a table that every reader can open
      folders(runId).task(0, 0).commit(0, List.of());
    }
    files.delete(uncommitted, true);
    files.create(new Path(folder, SUCCESS), true).close();
  }

  @Override
  public long dropErrors(SparkSession spark, String runId, String paramsHash) throws IOException {
    Dataset<Row> errors =
        read(spark)
            .where(
                col("params_hash")
                    .equalTo(paramsHash)
                    .and(col("status").equalTo("error"))
                    .and(col("error_code").notEqual(ErrorCode.DUPLICATE_ID.name())))
            .select(col("_metadata.file_path").as("file"));
    List<String> names =
        errors.distinct().collectAsList().stream().map(row -> row.getString(0)).toList();
    long dropped = errors.count();
    if (!names.isEmpty()) {
      JavaSparkContext.fromSparkContext(spark.sparkContext())
          .parallelize(names, Math.min(names.size(), MOST_TASKS))
          .foreach(new DropErrors(begin(runId), paramsHash));
    }
    return dropped;
  }

  @Override
  public void fence(String deadRunId) throws IOException {
    files.delete(uncommitted(deadRunId), true);
  }

  private Path uncommitted(String runId) {
    return new Path(uncommitted, runId);
  }
}
