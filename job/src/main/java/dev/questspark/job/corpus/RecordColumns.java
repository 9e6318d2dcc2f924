package dev.questspark.job.corpus;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.to_json;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.input.FoundColumns;
import dev.questspark.job.options.CorpusOptions.Columns;
import dev.questspark.job.options.CorpusOptions.NamedColumn;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.BinaryType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.DoubleType;
import org.apache.spark.sql.types.FloatType;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructType;

/**
 * The columns that the options name in a table's schema, as bytes, before any work. A name is a
 * column, or the way to a field with dots between: {@code meta.id}, {@code questions.q}.
 */
final class RecordColumns {
  private static final DataType BYTES = DataTypes.BinaryType;
  private static final DataType LIST = DataTypes.createArrayType(DataTypes.BinaryType);
  private static final DataType TEXTS = DataTypes.createArrayType(DataTypes.StringType);

  private final Columns options;
  private final StructType schema;
  private final Collection<String> folders;
  private final String what;
  private final Collection<String> names;

  /** A field, however deep. */
  private record Field(Column column, DataType type) {}

  /**
   * @param folders columns that are not in the schema but in the files' paths
   * @param what begins the refusal of what lacks a column
   * @param names of all columns, for that refusal
   */
  RecordColumns(
      Columns options,
      StructType schema,
      Collection<String> folders,
      String what,
      Collection<String> names) {
    this.options = options;
    this.schema = schema;
    this.folders = folders;
    this.what = what;
    this.names = names;
  }

  /** The first parts of the names, which are columns of the table. */
  static List<String> roots(List<NamedColumn> columns) {
    return columns.stream()
        .flatMap(
            column -> Arrays.stream(new String[] {column.name(), column.name().split("\\.")[0]}))
        .distinct()
        .toList();
  }

  /** Bytes of the id as a text that tells any two apart. */
  Column id() {
    Field id = named(options.id());
    if (complex(id.type) || id.type instanceof FloatType || id.type instanceof DoubleType) {
      throw refused(
          options.id(),
          id.type,
          id.type instanceof FloatType || id.type instanceof DoubleType
              ? "two numbers may be written as one there; an id must be text, an integer, a decimal"
                  + " or a date"
              : "an id must be text, a number or a date");
    }
    return bytes(id);
  }

  /** Bytes of the text. */
  Column text() {
    Field text = named(options.text());
    if (!ofText(text.type)) {
      throw refused(options.text(), text.type, "the text column must be a string");
    }
    return bytes(text);
  }

  /** Bytes of the question, or an array of them. */
  Column question() {
    return texts(options.question());
  }

  /** Bytes of the reference answer, or an array of them. */
  Column answer() {
    Column answers = texts(options.answer());
    boolean list = named(options.answer()).type instanceof ArrayType;
    if (options.readsQuestion() && list != named(options.question()).type instanceof ArrayType) {
      throw new ConfigException(
          "Columns '"
              + options.question().name()
              + "' and '"
              + options.answer().name()
              + "' must have the same shape: both strings, or both arrays of strings.");
    }
    return answers;
  }

  /** Bytes of a column that goes with the answers; of one with fields, as JSON. */
  Column kept(NamedColumn column) {
    Field field = named(column);
    return complex(field.type) ? to_json(field.column).cast(BYTES) : bytes(field);
  }

  private Column texts(NamedColumn column) {
    Field texts = named(column);
    if (texts.type instanceof ArrayType list && ofText(list.elementType())) {
      return texts.column.cast(TEXTS).cast(LIST);
    }
    if (ofText(texts.type)) {
      return bytes(texts);
    }
    throw refused(column, texts.type, "it must be a string or an array of strings");
  }

  private static Column bytes(Field field) {
    return field.type instanceof BinaryType
        ? field.column
        : field.column.cast(DataTypes.StringType).cast(BYTES);
  }

  private static boolean ofText(DataType type) {
    return type instanceof StringType || type instanceof BinaryType;
  }

  private static boolean complex(DataType type) {
    return type instanceof ArrayType || type instanceof MapType || type instanceof StructType;
  }

  /** A column of that very name, else the field that the name leads to. */
  private Field named(NamedColumn column) {
    if (List.of(schema.fieldNames()).contains(column.name())) {
      return new Field(
          col("`" + column.name().replace("`", "``") + "`"),
          schema.apply(column.name()).dataType());
    }
    DataType type = schema;
    Column field = null;
    boolean list = false;
    for (String step : column.name().split("\\.")) {
      DataType within = type instanceof ArrayType array && !list ? array.elementType() : type;
      list |= within != type;
      if (!(within instanceof StructType struct) || !List.of(struct.fieldNames()).contains(step)) {
        if (folders.contains(column.name())) {
          return new Field(lit(null).cast(DataTypes.StringType), DataTypes.StringType);
        }
        throw FoundColumns.missing(what, column, names);
      }
      field = field == null ? col("`" + step.replace("`", "``") + "`") : field.getField(step);
      type = struct.apply(step).dataType();
    }
    return new Field(field, list ? DataTypes.createArrayType(type) : type);
  }

  private static ConfigException refused(NamedColumn column, DataType type, String wanted) {
    return new ConfigException(
        "Column '"
            + column.name()
            + "' is of type "
            + type.simpleString()
            + "; "
            + wanted
            + ". Name another with "
            + column.flag()
            + ".");
  }
}
