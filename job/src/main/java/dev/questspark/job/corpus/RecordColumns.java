package dev.questspark.job.corpus;

import static org.apache.spark.sql.functions.array;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.CorpusOptions.Columns;
import dev.questspark.job.options.CorpusOptions.NamedColumn;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** Finds the columns that the options name in an input's schema, before any work. */
final class RecordColumns {
  private static final DataType TEXTS = DataTypes.createArrayType(DataTypes.StringType);

  private final Columns options;
  private final StructType schema;
  private final String prefix;
  private final String nothingIn;

  /**
   * @param prefix of column paths, such as {@code record.}; may be empty
   * @param nothingIn what an input without any column is told, as a sentence without its end
   */
  RecordColumns(Columns options, StructType schema, String prefix, String nothingIn) {
    this.options = options;
    this.schema = schema;
    this.prefix = prefix;
    this.nothingIn = nothingIn;
  }

  Column id() {
    return named(options.id()).cast(DataTypes.StringType);
  }

  Column text() {
    Column text = named(options.text());
    DataType type = typeOf(options.text());
    if (!type.equals(DataTypes.StringType) && !type.equals(DataTypes.BinaryType)) {
      throw new ConfigException(
          "Column '"
              + options.text().name()
              + "' is of type "
              + type.simpleString()
              + "; the text column must be a string. Name it with --text-col.");
    }
    return text;
  }

  /** Array of questions, null where the record has none. */
  Column questions() {
    List<String> asked = options.asked();
    if (!asked.isEmpty()) {
      return array(asked.stream().map(question -> lit(question)).toArray(Column[]::new));
    }
    if (!options.questionNeeded()) {
      return array(lit(null).cast(DataTypes.StringType));
    }
    if (!has(options.question())) {
      throw missing(options.question(), ", or ask every document with --question");
    }
    return texts(options.question());
  }

  /** Array of reference answers, null without any. */
  Column answers() {
    if (options.answer() == null) {
      return lit(null).cast(TEXTS);
    }
    Column answers = texts(options.answer());
    boolean questionList =
        has(options.question()) && typeOf(options.question()) instanceof ArrayType;
    boolean answerList = typeOf(options.answer()) instanceof ArrayType;
    if (options.asked().isEmpty() && answerList != questionList) {
      throw new ConfigException(
          "Columns '"
              + options.question().name()
              + "' and '"
              + options.answer().name()
              + "' must have the same shape: both strings, or both arrays of strings.");
    }
    return answers;
  }

  private Column texts(NamedColumn column) {
    Column texts = named(column);
    DataType type = typeOf(column);
    if (type instanceof ArrayType list && list.elementType().equals(DataTypes.StringType)) {
      return texts;
    }
    if (type.equals(DataTypes.StringType)) {
      return array(texts);
    }
    throw new ConfigException(
        "Column '"
            + column.name()
            + "' is of type "
            + type.simpleString()
            + "; it must be a string or an array of strings. Name another with "
            + column.flag()
            + ".");
  }

  private boolean has(NamedColumn column) {
    return List.of(schema.fieldNames()).contains(column.name());
  }

  private DataType typeOf(NamedColumn column) {
    return schema.apply(column.name()).dataType();
  }

  private Column named(NamedColumn column) {
    if (!has(column)) {
      throw missing(column, "");
    }
    return col(prefix + "`" + column.name() + "`");
  }

  private ConfigException missing(NamedColumn column, String orElse) {
    if (schema.isEmpty()) {
      return new ConfigException(nothingIn + ".");
    }
    return new ConfigException(
        "The input has no column '"
            + column.name()
            + "' (it has: "
            + String.join(", ", schema.fieldNames())
            + "); name it with "
            + column.flag()
            + orElse
            + ".");
  }
}
