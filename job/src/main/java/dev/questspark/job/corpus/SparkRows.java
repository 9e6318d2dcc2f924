package dev.questspark.job.corpus;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.octet_length;
import static org.apache.spark.sql.functions.when;
import static org.apache.spark.sql.functions.xxhash64;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.input.FileInput;
import dev.questspark.job.input.FoundRecord;
import dev.questspark.job.input.InputFile;
import dev.questspark.job.input.InputFormat;
import dev.questspark.job.input.RecordMaker;
import dev.questspark.job.input.TableRecords;
import dev.questspark.job.options.CorpusOptions;
import dev.questspark.job.options.CorpusOptions.NamedColumn;
import dev.questspark.job.path.GivenPath;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.DataFrameReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/** Records that Spark's own sources read: Parquet, ORC, Avro, any other, and tables. */
final class SparkRows {
  private final SparkSession spark;
  private final CorpusOptions options;

  SparkRows(SparkSession spark, CorpusOptions options) {
    this.spark = spark;
    this.options = options;
  }

  /** The rows of a table of a catalog. */
  JavaRDD<FoundRecord> ofTable() {
    String name = options.input().table();
    if (!options.input().format().equals(InputFormat.AUTO)
        || !options.input().options().isEmpty()) {
      throw new ConfigException(
          "--input-table names a table, whose format its catalog knows; leave out --input-format"
              + " and --input-option.");
    }
    try {
      return records(spark.table(name), name);
    } catch (Exception unknown) {
      throw refused("Table " + name, unknown, "check --input-table and the catalog's settings");
    }
  }

  /** The rows of one of Spark's sources. */
  JavaRDD<FoundRecord> ofSource(String source, List<String> roots) {
    DataFrameReader reader = spark.read().format(source).options(options.input().options());
    try {
      List<Dataset<Row>> all = new ArrayList<>();
      for (String root : roots) {
        all.add(reader.load(root));
      }
      JavaRDD<FoundRecord> records = null;
      for (int i = 0; i < all.size(); i++) {
        JavaRDD<FoundRecord> rows = records(all.get(i), roots.get(i));
        records = records == null ? rows : records.union(rows);
      }
      return records;
    } catch (Exception unknown) {
      throw refused(
          "Input " + options.input().shown(),
          unknown,
          "known formats are "
              + InputFormat.allWords()
              + ", and any source on Spark's class path, such as delta with --packages"
              + " io.delta:delta-spark_2.13");
    }
  }

  private static ConfigException refused(String what, Exception failure, String remedy) {
    if (failure instanceof ConfigException told) {
      return told;
    }
    String message = String.valueOf(failure.getMessage()).lines().findFirst().orElse("").strip();
    return new ConfigException(
        what
            + " cannot be read: "
            + message
            + (message.endsWith(".") ? " " : "; ")
            + "("
            + remedy
            + ").",
        failure);
  }

  /** The rows of files, of which only the columns that are named are read, by name in each file. */
  JavaRDD<FoundRecord> ofFiles(InputFormat format, FileInput input) {
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    for (InputFile file : input.files()) {
      refuseUnread(file, format);
    }
    if (input.files().isEmpty()) {
      return context.emptyRDD();
    }
    Map<ParquetColumns.Found, List<InputFile>> groups =
        format == InputFormat.PARQUET
            ? new ParquetColumns(spark)
                .bySchema(input.files(), RecordColumns.roots(input.maker().columns()))
            : Map.of(schema(format, input), input.files());
    JavaRDD<FoundRecord> records = null;
    for (Map.Entry<ParquetColumns.Found, List<InputFile>> group : groups.entrySet()) {
      JavaRDD<FoundRecord> rows =
          ofGroup(format, input, group.getKey(), group.getValue(), groups.size() > 1);
      records = records == null ? rows : records.union(rows);
    }
    return records;
  }

  /** What Spark passes over in silence. */
  private static void refuseUnread(InputFile file, InputFormat format) {
    Path path = new Path(file.path());
    if (path.getName().startsWith("_") || path.getName().startsWith(".")) {
      throw new ConfigException(
          "File "
              + GivenPath.shown(path)
              + " has a name that begins with "
              + path.getName().charAt(0)
              + ", which Spark does not read; rename it.");
    }
    if (file.bytes() == 0) {
      throw new ConfigException(
          "File "
              + GivenPath.shown(path)
              + " has no bytes and so is no "
              + format.word()
              + " file; repair or remove it.");
    }
  }

  private DataFrameReader reader(InputFormat format) {
    return spark
        .read()
        .format(format.word())
        .options(GivenPath.LITERALLY)
        .option("recursiveFileLookup", "true")
        .option("mergeSchema", "true")
        .options(options.input().options());
  }

  /** Of all files together, as Spark infers it. */
  private ParquetColumns.Found schema(InputFormat format, FileInput input) {
    try {
      StructType schema = reader(format).load(paths(input.files())).schema();
      return new ParquetColumns.Found(
          only(schema, input.maker().columns()), List.of(schema.fieldNames()));
    } catch (Exception unknown) {
      throw refused(
          "Input " + options.input().shown(),
          unknown,
          format == InputFormat.AVRO
              ? "Avro needs --packages org.apache.spark:spark-avro_2.13 of Spark's version"
              : "check its files");
    }
  }

  private JavaRDD<FoundRecord> ofGroup(
      InputFormat format,
      FileInput input,
      ParquetColumns.Found found,
      List<InputFile> files,
      boolean several) {
    Map<String, Map<String, String>> folders = new HashMap<>();
    files.stream()
        .filter(file -> !file.folders().isEmpty())
        .forEach(file -> folders.put(file.path(), file.folders()));
    RecordColumns columns =
        new RecordColumns(
            options.columns(),
            found.read(),
            input.folderColumns(),
            several ? "File " + GivenPath.shown(new Path(files.get(0).path())) : "The input",
            found.names());
    columns.text(); // refused before Spark is asked to read nothing
    Dataset<Row> rows = reader(format).schema(found.read()).load(paths(files));
    Column where =
        format == InputFormat.PARQUET
            ? concat(lit("row "), col("_metadata.row_index").plus(1).cast("string"))
            : lit(null).cast("string");
    return records(rows, col("_metadata.file_path"), true, where, folders, columns);
  }

  private static StructType only(StructType schema, List<NamedColumn> columns) {
    List<String> roots = RecordColumns.roots(columns);
    StructType only = new StructType();
    for (var field : schema.fields()) {
      if (roots.contains(field.name())) {
        only = only.add(field);
      }
    }
    return only;
  }

  private static String[] paths(List<InputFile> files) {
    return files.stream().map(InputFile::path).toArray(String[]::new);
  }

  private JavaRDD<FoundRecord> records(Dataset<Row> rows, String source) {
    List<String> names = List.of(rows.schema().fieldNames());
    return records(
        rows,
        lit(source),
        false,
        lit(null).cast("string"),
        Map.of(),
        new RecordColumns(options.columns(), rows.schema(), List.of(), "The input", names));
  }

  /**
   * @param files whether the sources are files
   * @param folders values of the folders {@code name=value} above each file, by its path
   */
  private JavaRDD<FoundRecord> records(
      Dataset<Row> rows,
      Column source,
      boolean files,
      Column where,
      Map<String, Map<String, String>> folders,
      RecordColumns columns) {
    RecordMaker maker = new RecordMaker(options.columns(), options.maxTextCharacters());
    Column text = columns.text();
    List<Column> read = new ArrayList<>();
    read.add(columns.id());
    read.add(when(octet_length(text).leq(maker.maxBytes()), text));
    if (options.columns().readsQuestion()) {
      read.add(columns.question());
    }
    if (options.columns().answer() != null) {
      read.add(columns.answer());
    }
    options.columns().kept().forEach(kept -> read.add(columns.kept(kept)));
    read.add(source);
    read.add(where);
    read.add(octet_length(text));
    read.add(when(octet_length(text).gt(maker.maxBytes()), xxhash64(text)));
    for (int i = 0; i < read.size(); i++) {
      read.set(i, read.get(i).as("c" + i));
    }
    return rows.select(read.toArray(Column[]::new))
        .toJavaRDD()
        .map(new TableRecords(maker, files, folders));
  }
}
