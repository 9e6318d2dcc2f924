package dev.questspark.job.output;

import static org.apache.spark.sql.functions.col;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.job.path.GivenPath;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;

/**
 * {@code answers/}: a folder of small Parquet files, one per batch, which {@link AnswerFiles}
 * commits by renaming.
 */
final class ParquetAnswers implements AnswerStore {
  private static final String SUCCESS = "_SUCCESS";
  private static final String FILE = "file";
  private static final int MOST_TASKS = 256;

  private final Path folder;
  private final Path uncommitted;
  private final FileSystem files;
  private final SerializableConfiguration hadoop;
  private final Compaction compaction;

  /**
   * @param root the output folder
   */
  ParquetAnswers(Path root, FileSystem files, Configuration hadoop) {
    this.folder = new Path(root, "answers");
    this.uncommitted = new Path(root, "_uncommitted");
    this.files = files;
    this.hadoop = new SerializableConfiguration(hadoop);
    this.compaction = new Compaction(root, folder, files, this.hadoop);
  }

  @Override
  public String place() {
    return folder.toString();
  }

  @Override
  public boolean hasAnswers() {
    try {
      for (FileStatus file : files.listStatus(folder)) {
        String name = file.getPath().getName();
        if (name.endsWith(".parquet") && !name.startsWith("_")) {
          return true;
        }
      }
      return false;
    } catch (FileNotFoundException none) {
      return false;
    } catch (IOException unreadable) {
      throw new ConfigException(
          "Answers in " + folder + " cannot be read: " + unreadable.getMessage(), unreadable);
    }
  }

  @Override
  public List<String> columns(SparkSession spark) {
    return List.of(spark.read().options(GivenPath.LITERALLY).parquet(place()).columns());
  }

  @Override
  public Dataset<Row> read(SparkSession spark) {
    return spark.read().options(GivenPath.LITERALLY).schema(AnswerSchema.schema()).parquet(place());
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

  @Override
  public void recover() throws IOException {
    compaction.finish();
  }

  @Override
  public void compact(SparkSession spark, String runId) throws IOException {
    compaction.run(JavaSparkContext.fromSparkContext(spark.sparkContext()), runId);
  }

  /** Marks whole answers the way Spark does. */
  @Override
  public void end(String runId, boolean whole) throws IOException {
    if (!hasAnswers()) { // no document: no rows, but a table that every reader can open
      folders(runId).task(0, 0).commit(0, List.of());
    }
    files.delete(uncommitted, true);
    if (whole) {
      files.create(new Path(folder, SUCCESS), true).close();
    }
  }

  @Override
  public long dropErrors(SparkSession spark, String runId, String paramsHash) throws IOException {
    Dataset<Row> errors =
        withFiles(spark)
            .where(
                col("params_hash")
                    .equalTo(paramsHash)
                    .and(col("status").equalTo("error"))
                    .and(col("error_code").notEqual(ErrorCode.DUPLICATE_ID.name())));
    long dropped = errors.count();
    rewrite(spark, runId, errors, RewriteFile.RowChange.withoutErrors(paramsHash));
    return dropped;
  }

  @Override
  public void update(SparkSession spark, String runId, String paramsHash, Changes changes)
      throws IOException {
    Set<Long> keys = new HashSet<>(changes.replaced());
    keys.addAll(changes.vanished());
    keys.addAll(changes.returned());
    if (keys.isEmpty()) {
      return;
    }
    Dataset<Row> touched =
        withFiles(spark)
            .where(col("params_hash").equalTo(paramsHash))
            .join(
                spark.createDataset(List.copyOf(keys), Encoders.LONG()).toDF("touched"),
                col("record_key").equalTo(col("touched")),
                "left_semi");
    rewrite(
        spark,
        runId,
        touched,
        RewriteFile.RowChange.updated(
            paramsHash,
            new HashSet<>(changes.replaced()),
            new HashSet<>(changes.vanished()),
            new HashSet<>(changes.returned()),
            ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now())));
  }

  private Dataset<Row> withFiles(SparkSession spark) {
    return read(spark).withColumn(FILE, col("_metadata.file_path"));
  }

  /** Writes the files again that have any of the rows. */
  private void rewrite(
      SparkSession spark, String runId, Dataset<Row> rows, RewriteFile.RowChange change)
      throws IOException {
    List<String> names =
        rows.select(FILE).distinct().collectAsList().stream().map(row -> row.getString(0)).toList();
    if (!names.isEmpty()) {
      JavaSparkContext.fromSparkContext(spark.sparkContext())
          .parallelize(names, Math.min(names.size(), MOST_TASKS))
          .foreach(new RewriteFile(begin(runId), change));
    }
  }

  @Override
  public void fence(String deadRunId) throws IOException {
    files.delete(uncommitted(deadRunId), true);
  }

  private Path uncommitted(String runId) {
    return new Path(uncommitted, runId);
  }
}
