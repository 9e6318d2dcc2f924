package dev.questspark.job.output;

import java.io.IOException;
import java.sql.Timestamp;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
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
import org.apache.parquet.schema.GroupType;
import org.apache.parquet.schema.LogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.TimeUnit;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName;
import org.apache.parquet.schema.Type;
import org.apache.parquet.schema.Types;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/** Answer rows as a Parquet file, typed as Spark would type them; on the executor, in a task. */
final class AnswerParquet {
  /** Where Spark looks for the schema with the columns' comments. */
  private static final String SPARK_SCHEMA = "org.apache.spark.sql.parquet.row.metadata";

  /** Parquet's own name for a list's repeated group. */
  private static final String LIST = "list";

  /** What a writer holds in memory; joined files have several. */
  private static final long ROW_GROUP_BYTES = 16L << 20;

  /** Parquet's own name for a map's repeated group. */
  private static final String ENTRY = "key_value";

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
   * Copies the rows of some files to a new one.
   *
   * @param change what becomes of each
   * @return how many
   */
  int copy(List<Path> from, Path to, RewriteFile.RowChange change) throws IOException {
    int rows = 0;
    try (ParquetWriter<Group> writer = writer(to)) {
      for (Path file : from) {
        try (ParquetReader<Group> reader =
            ParquetReader.builder(new GroupReadSupport(), file).withConf(hadoop).build()) {
          for (Group row = reader.read(); row != null; row = reader.read()) {
            Group changed = change.of(row);
            if (changed != null) {
              writer.write(changed);
              rows++;
            }
          }
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
        .withRowGroupSize(ROW_GROUP_BYTES)
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
    fill(group, SCHEMA, row);
    return group;
  }

  private static void fill(Group group, StructType schema, Row row) {
    for (int i = 0; i < schema.length(); i++) {
      StructField field = schema.fields()[i];
      if (row.get(i) instanceof List<?> elements) {
        DataType element = ((ArrayType) field.dataType()).elementType();
        Group list = group.addGroup(i);
        elements.forEach(value -> add(list.addGroup(LIST), 0, field, element, value));
      } else if (row.get(i) instanceof Map<?, ?> entries) {
        Group map = group.addGroup(i);
        entries.forEach((key, value) -> entry(map.addGroup(ENTRY), (String) key, (String) value));
      } else if (row.get(i) != null) {
        add(group, i, field, field.dataType(), row.get(i));
      }
    }
  }

  /** Of texts, the value maybe null. */
  private static void entry(Group entry, String key, String value) {
    entry.add(0, key);
    if (value != null) {
      entry.add(1, value);
    }
  }

  private static void add(Group group, int at, StructField field, DataType type, Object value) {
    if (value instanceof String text) {
      group.add(at, text);
    } else if (value instanceof Integer number) {
      group.add(at, number);
    } else if (value instanceof Long number) {
      group.add(at, number);
    } else if (value instanceof Float number) {
      group.add(at, number);
    } else if (value instanceof Double number) {
      group.add(at, number);
    } else if (value instanceof Boolean claim) {
      group.add(at, claim);
    } else if (value instanceof Timestamp moment) {
      group.add(at, ChronoUnit.MICROS.between(Instant.EPOCH, moment.toInstant()));
    } else if (value instanceof Row struct) {
      fill(group.addGroup(at), (StructType) type, struct);
    } else {
      throw new IllegalStateException("column " + field.name() + " holds a " + value.getClass());
    }
  }

  private static MessageType message() {
    Types.MessageTypeBuilder message = Types.buildMessage();
    for (StructField field : SCHEMA.fields()) {
      message.addField(type(field.name(), field.dataType(), Type.Repetition.OPTIONAL));
    }
    return message.named("spark_schema");
  }

  private static Type type(String name, DataType type, Type.Repetition repetition) {
    LogicalTypeAnnotation moment = LogicalTypeAnnotation.timestampType(true, TimeUnit.MICROS);
    return switch (type.typeName()) {
      case "string" ->
          Types.primitive(PrimitiveTypeName.BINARY, repetition)
              .as(LogicalTypeAnnotation.stringType())
              .named(name);
      case "timestamp" ->
          Types.primitive(PrimitiveTypeName.INT64, repetition).as(moment).named(name);
      case "integer" -> Types.primitive(PrimitiveTypeName.INT32, repetition).named(name);
      case "long" -> Types.primitive(PrimitiveTypeName.INT64, repetition).named(name);
      case "float" -> Types.primitive(PrimitiveTypeName.FLOAT, repetition).named(name);
      case "double" -> Types.primitive(PrimitiveTypeName.DOUBLE, repetition).named(name);
      case "boolean" -> Types.primitive(PrimitiveTypeName.BOOLEAN, repetition).named(name);
      case "struct" -> {
        Types.GroupBuilder<GroupType> group = Types.buildGroup(repetition);
        for (StructField field : ((StructType) type).fields()) {
          group.addField(type(field.name(), field.dataType(), Type.Repetition.OPTIONAL));
        }
        yield group.named(name);
      }
      case "array" -> {
        DataType element = ((ArrayType) type).elementType();
        yield Types.list(repetition)
            .element(type("element", element, Type.Repetition.REQUIRED))
            .named(name);
      }
      case "map" ->
          Types.map(repetition)
              .key(type("key", DataTypes.StringType, Type.Repetition.REQUIRED))
              .value(type("value", DataTypes.StringType, Type.Repetition.OPTIONAL))
              .named(name);
      default -> throw new IllegalStateException("no Parquet type for " + name + ": " + type);
    };
  }
}
