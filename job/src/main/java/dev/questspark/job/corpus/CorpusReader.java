package dev.questspark.job.corpus;

import static dev.questspark.job.corpus.RecordSchema.CONTENT;
import static dev.questspark.job.corpus.RecordSchema.ID;
import static dev.questspark.job.corpus.RecordSchema.KEY;
import static dev.questspark.job.corpus.RecordSchema.PLACE;
import static dev.questspark.job.corpus.RecordSchema.QUESTIONS;
import static dev.questspark.job.corpus.RecordSchema.TEXT;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.monotonically_increasing_id;
import static org.apache.spark.sql.functions.xxhash64;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.input.FileInput;
import dev.questspark.job.input.FoundRecord;
import dev.questspark.job.input.InputFormat;
import dev.questspark.job.options.CorpusOptions;
import dev.questspark.job.options.CorpusOptions.Columns;
import dev.questspark.job.options.CorpusOptions.NamedColumn;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.storage.StorageLevel;

/** Brings each input to the columns of {@link RecordSchema}. */
public final class CorpusReader implements AutoCloseable {
  private final SparkSession spark;
  private final CorpusOptions options;
  private final Consumer<String> console;
  private JavaRDD<Row> parsed;

  /**
   * @param console is told what of the input is not read
   */
  public CorpusReader(SparkSession spark, CorpusOptions options, Consumer<String> console) {
    this.spark = spark;
    this.options = options;
    this.console = console;
  }

  /**
   * The corpus, one row per record; reads no more of it than the files' names and the columns'.
   *
   * @throws ConfigException when the input or a column is missing
   */
  public Dataset<Row> read() {
    boolean ofFiles = false;
    JavaRDD<Row> rows;
    SparkRows tables = new SparkRows(spark, options);
    RecordRow toRow = new RecordRow(options.columns());
    if (options.input().table() != null) {
      rows = tables.ofTable().map(toRow);
    } else {
      FileInput input =
          FileInput.of(JavaSparkContext.fromSparkContext(spark.sparkContext()), options);
      input.leftOut().forEach(what -> console.accept("left out of the input: " + what));
      Optional<InputFormat> format = input.format();
      ofFiles = format.filter(InputFormat.BINARYFILE::equals).isPresent();
      rows =
          format
              .map(known -> records(input, known, tables))
              .orElseGet(() -> tables.ofSource(input.source(), input.roots()))
              .map(toRow);
      if (ofFiles) {
        // the survey and the inference both want the text, and to parse it is the dear part
        rows = rows.persist(StorageLevel.DISK_ONLY());
        parsed = rows;
      }
    }
    // Of a file its bytes: whether a slow one's text is read in time may change.
    Column[] content =
        ofFiles
            ? new Column[] {col(ID), col(CONTENT), col(QUESTIONS)}
            : new Column[] {col(ID), col(TEXT), col(CONTENT), col(QUESTIONS)};
    return spark
        .createDataFrame(rows, RecordSchema.FOUND)
        .withColumn(PLACE, monotonically_increasing_id())
        .withColumn(KEY, xxhash64(content))
        .drop(CONTENT);
  }

  private JavaRDD<FoundRecord> records(FileInput input, InputFormat format, SparkRows tables) {
    return switch (format) {
      case TEXT -> {
        refuseColumns(input);
        yield input.texts();
      }
      case BINARYFILE -> {
        refuseColumns(input);
        FileText parser = new FileText(options.maxTextCharacters(), options.parseTimeoutSeconds());
        yield input.records(new ParsedFile(parser, options.columns().kept()));
      }
      case JSON -> input.jsonLines();
      case CSV -> input.csv();
      case PARQUET, ORC, AVRO -> tables.ofFiles(format, input);
    };
  }

  /** Files that are one document each have no columns but the folders they lie in. */
  private void refuseColumns(FileInput input) {
    Columns columns = options.columns();
    if (columns.readsQuestion() || columns.answer() != null) {
      throw new ConfigException(
          "A folder of files has no columns; ask every document with --question, without"
              + " --answer-col.");
    }
    List<String> folders = input.folderColumns();
    for (NamedColumn kept : columns.kept()) {
      if (!folders.contains(kept.name())) {
        throw new ConfigException(
            "A folder of files has no column '"
                + kept.name()
                + "' to keep, only those of folders such as year=2026; leave it out of "
                + kept.flag()
                + ".");
      }
    }
    if (!options.input().options().isEmpty()) {
      throw new ConfigException(
          "--input-option "
              + options.input().options().keySet().iterator().next()
              + " has no effect on a folder of files; leave it out.");
    }
  }

  /** Lets go of what was kept for a second look. */
  @Override
  public void close() {
    if (parsed != null) {
      parsed.unpersist();
    }
  }
}
