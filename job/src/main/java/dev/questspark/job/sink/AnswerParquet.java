package dev.questspark.job.sink;

import java.io.IOException;
import java.sql.Timestamp;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.SimpleGroupFactory;
import org.apache.parquet.hadoop.ParquetReader;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.example.ExampleParquetWriter;
import org.apache.parquet.hadoop.example.GroupReadSupport;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.hadoop.util.HadoopStreams;
import org.apache.parquet.io.OutputFile;
import org.apache.parquet.io.PositionOutputStream;
import org.apache.parquet.schema.LogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.TimeUnit;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName;
import org.apache.parquet.schema.Type;
import org.apache.parquet.schema.Types;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/** Answer rows as a Parquet file, typed as Spark would type them; on the executor, in a task. */
final class AnswerParquet {
  /** Where Spark looks for the schema with the columns' comments. */
  private static final String SPARK_SCHEMA = "org.apache.spark.sql.parquet.row.metadata";

  private static final StructType SCHEMA = AnswerSchema.schema();

  private final FileSystem files;
  private final Configuration hadoop;
  private final MessageType message = message();
  private final SimpleGroupFactory groups = new SimpleGroupFactory(message);

  AnswerParquet(FileSystem files, Configuration hadoop) {
    this.files = files;
    this.hadoop = hadoop;
  }

  /**
   * Writes a new file.
   *
   * @param rows of {@link AnswerSchema}
   * @throws IOException when it cannot be written, or its folder is not there
   */
  void write(Path file, List<Row> rows) throws IOException {
    try (ParquetWriter<Group> writer = writer(file)) {
      for (Row row : rows) {
        writer.write(group(row));
      }
    }
  }

  /**
   * Copies some rows of a file to a new one.
   *
   * @param kept which, by their columns
   * @return how many
   */
  int copy(Path from, Path to, Predicate<Group> kept) throws IOException {
    int rows = 0;
    try (ParquetReader<Group> reader =
            ParquetReader.builder(new GroupReadSupport(), from).withConf(hadoop).build();
        ParquetWriter<Group> writer = writer(to)) {
      for (Group row = reader.read(); row != null; row = reader.read()) {
        if (kept.test(row)) {
          writer.write(row);
          rows++;
        }
      }
    }
    return rows;
  }

  private ParquetWriter<Group> writer(Path file) throws IOException {
    return ExampleParquetWriter.builder(new InExistingFolder(file))
        .withConf(hadoop)
        .withType(message)
        .withCompressionCodec(CompressionCodecName.SNAPPY)
        .withExtraMetaData(Map.of(SPARK_SCHEMA, SCHEMA.json()))
        .build();
  }

  /** Does not make the folder of the file, unlike Hadoop's own: its absence is a message. */
  private final class InExistingFolder implements OutputFile {
    private final Path file;

    InExistingFolder(Path file) {
      this.file = file;
    }

    @Override
    public PositionOutputStream create(long blockSizeHint) throws IOException {
      return HadoopStreams.wrap(files.createFile(file).overwrite(false).build());
    }

    @Override
    public PositionOutputStream createOrOverwrite(long blockSizeHint) throws IOException {
      return HadoopStreams.wrap(files.createFile(file).overwrite(true).build());
    }

    @Override
    public boolean supportsBlockSize() {
      return false;
    }

    @Override
    public long defaultBlockSize() {
      return 0;
    }
  }

  private Group group(Row row) {
    Group group = groups.newGroup();
    for (int i = 0; i < SCHEMA.length(); i++) {
      Object value = row.get(i);
      if (value instanceof String text) {
        group.add(i, text);
      } else if (value instanceof Integer number) {
        group.add(i, number);
      } else if (value instanceof Long number) {
        group.add(i, number);
      } else if (value instanceof Float number) {
        group.add(i, number);
      } else if (value instanceof Double number) {
        group.add(i, number);
      } else if (value instanceof Boolean claim) {
        group.add(i, claim);
      } else if (value instanceof Timestamp moment) {
        group.add(i, ChronoUnit.MICROS.between(Instant.EPOCH, moment.toInstant()));
      } else if (value != null) {
        throw new IllegalStateException(
            "column " + SCHEMA.fields()[i].name() + " holds a " + value.getClass());
      }
    }
    return group;
  }

  private static MessageType message() {
    Types.MessageTypeBuilder message = Types.buildMessage();
    for (StructField field : SCHEMA.fields()) {
      message.addField(type(field));
    }
    return message.named("spark_schema");
  }

  private static Type type(StructField field) {
    LogicalTypeAnnotation moment = LogicalTypeAnnotation.timestampType(true, TimeUnit.MICROS);
    return switch (field.dataType().typeName()) {
      case "string" ->
          Types.optional(PrimitiveTypeName.BINARY)
              .as(LogicalTypeAnnotation.stringType())
              .named(field.name());
      case "timestamp" -> Types.optional(PrimitiveTypeName.INT64).as(moment).named(field.name());
      case "integer" -> Types.optional(PrimitiveTypeName.INT32).named(field.name());
      case "long" -> Types.optional(PrimitiveTypeName.INT64).named(field.name());
      case "float" -> Types.optional(PrimitiveTypeName.FLOAT).named(field.name());
      case "double" -> Types.optional(PrimitiveTypeName.DOUBLE).named(field.name());
      case "boolean" -> Types.optional(PrimitiveTypeName.BOOLEAN).named(field.name());
      default -> throw new IllegalStateException("no Parquet type for " + field);
    };
  }
}
