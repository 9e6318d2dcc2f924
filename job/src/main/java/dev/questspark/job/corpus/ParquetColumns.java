package dev.questspark.job.corpus;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.input.InputFile;
import dev.questspark.job.path.GivenPath;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.Type;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.execution.datasources.parquet.ParquetToSparkSchemaConverter;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.SerializableConfiguration;

/**
 * Which of the columns that are read a Parquet file has, and of which types. Spark infers the
 * schema of one file, with all its columns: another file may have others, and a column that nobody
 * reads may have a type that Spark does not know.
 */
final class ParquetColumns {
  private static final int FOOTERS_PER_TASK = 16;

  private final SparkSession spark;

  ParquetColumns(SparkSession spark) {
    this.spark = spark;
  }

  /**
   * What some files have.
   *
   * @param read the columns that are read
   * @param names of all columns
   */
  record Found(StructType read, List<String> names) {}

  /**
   * The files by what they have of the columns.
   *
   * @param columns names
   * @throws ConfigException when a column has a type that Spark cannot read
   */
  Map<Found, List<InputFile>> bySchema(List<InputFile> files, List<String> columns) {
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    SerializableConfiguration hadoop = new SerializableConfiguration(context.hadoopConfiguration());
    List<String> paths = files.stream().map(InputFile::path).toList();
    List<String> names = List.copyOf(columns);
    List<String> found =
        context
            .parallelize(paths, (paths.size() + FOOTERS_PER_TASK - 1) / FOOTERS_PER_TASK)
            .map(path -> pruned(message(path, hadoop.value()), names).toString())
            .collect();
    Map<String, List<InputFile>> byText = new LinkedHashMap<>();
    IntStream.range(0, files.size())
        .forEach(
            i -> byText.computeIfAbsent(found.get(i), none -> new ArrayList<>()).add(files.get(i)));
    Map<Found, List<InputFile>> bySchema = new LinkedHashMap<>();
    byText.forEach(
        (text, some) ->
            bySchema
                .computeIfAbsent(
                    found(some.get(0), names, hadoop.value()), none -> new ArrayList<>())
                .addAll(some));
    return bySchema;
  }

  private Found found(InputFile file, List<String> names, Configuration hadoop) {
    MessageType all = message(file.path(), hadoop);
    StructType read = new StructType();
    for (Type field : pruned(all, names).getFields()) {
      MessageType one = new MessageType(all.getName(), field);
      try {
        read =
            read.add(
                new ParquetToSparkSchemaConverter(spark.sessionState().conf())
                    .convert(one)
                    .apply(0));
      } catch (Exception unknownType) {
        throw new ConfigException(
            "Column '"
                + field.getName()
                + "' of file "
                + GivenPath.shown(new Path(file.path()))
                + " has the Parquet type "
                + field
                + ", which Spark cannot read; write it as another type, or name another column.",
            unknownType);
      }
    }
    return new Found(read, all.getFields().stream().map(Type::getName).toList());
  }

  private static MessageType pruned(MessageType all, List<String> names) {
    List<Type> fields =
        all.getFields().stream().filter(field -> names.contains(field.getName())).toList();
    return new MessageType(all.getName(), fields);
  }

  private static MessageType message(String path, Configuration hadoop) {
    Path file = new Path(path);
    try (ParquetFileReader reader =
        ParquetFileReader.open(HadoopInputFile.fromPath(file, hadoop))) {
      return reader.getFileMetaData().getSchema();
    } catch (IOException | RuntimeException unreadable) {
      throw new IllegalStateException(
          "Could not read footer for file: " + file.toUri().toASCIIString(), unreadable);
    }
  }
}
