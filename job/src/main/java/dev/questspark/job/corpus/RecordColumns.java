package dev.questspark.job.corpus;

import static org.apache.spark.sql.functions.array;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.Choices.Task;
import dev.questspark.job.options.JobKeys;
import dev.questspark.job.options.JobOptions;
import dev.questspark.job.options.OptionKey;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** Finds the columns that the options name in an input's schema, before any work. */
final class RecordColumns {
  private static final DataType TEXTS = DataTypes.createArrayType(DataTypes.StringType);

  private final JobOptions options;
  private final StructType schema;
  private final String prefix;
  private final String nothingIn;

  /**
   * @param prefix of column paths, such as {@code record.}; may be empty
   * @param nothingIn what an input without any column is told, as a sentence without its end
   */
  RecordColumns(JobOptions options, StructType schema, String prefix, String nothingIn) {
    this.options = options;
    this.schema = schema;
    this.prefix = prefix;
    this.nothingIn = nothingIn;
  }

  Column id() {
    return named(JobKeys.ID_COL).cast(DataTypes.StringType);
  }

  Column text() {
    Column text = named(JobKeys.TEXT_COL);
    DataType type = typeOf(JobKeys.TEXT_COL);
    if (!type.equals(DataTypes.StringType) && !type.equals(DataTypes.BinaryType)) {
      throw new ConfigException(
          "Column '"
              + options.get(JobKeys.TEXT_COL)
              + "' is of type "
              + type.simpleString()
              + "; the text column must be a string. Name it with --text-col.");
    }
    return text;
  }

  /** Array of questions, null where the record has none. */
  Column questions() {
    List<String> asked = options.get(JobKeys.QUESTION);
    if (!asked.isEmpty()) {
      return array(asked.stream().map(question -> lit(question)).toArray(Column[]::new));
    }
    if (options.get(JobKeys.TASK) == Task.SUMMARIZE && !options.given(JobKeys.QUESTION_COL)) {
      return array(lit(null).cast(DataTypes.StringType));
    }
    if (!has(JobKeys.QUESTION_COL)) {
      throw missing(JobKeys.QUESTION_COL, ", or ask every document with --question");
    }
    return texts(JobKeys.QUESTION_COL);
  }

  /** Array of reference answers, null without any. */
  Column answers() {
    if (options.get(JobKeys.ANSWER_COL) == null) {
      return lit(null).cast(TEXTS);
    }
    Column answers = texts(JobKeys.ANSWER_COL);
    boolean questionList =
        has(JobKeys.QUESTION_COL) && typeOf(JobKeys.QUESTION_COL) instanceof ArrayType;
    boolean answerList = typeOf(JobKeys.ANSWER_COL) instanceof ArrayType;
    if (options.get(JobKeys.QUESTION).isEmpty() && answerList != questionList) {
      throw new ConfigException(
          "Columns '"
              + options.get(JobKeys.QUESTION_COL)
              + "' and '"
              + options.get(JobKeys.ANSWER_COL)
              + "' must have the same shape: both strings, or both arrays of strings.");
    }
    return answers;
  }

  private Column texts(OptionKey<String> key) {
    Column column = named(key);
    DataType type = typeOf(key);
    if (type instanceof ArrayType list && list.elementType().equals(DataTypes.StringType)) {
      return column;
    }
    if (type.equals(DataTypes.StringType)) {
      return array(column);
    }
    throw new ConfigException(
        "Column '"
            + options.get(key)
            + "' is of type "
            + type.simpleString()
            + "; it must be a string or an array of strings. Name another with "
            + key.flag()
            + ".");
  }

  private boolean has(OptionKey<String> key) {
    return List.of(schema.fieldNames()).contains(options.get(key));
  }

  private DataType typeOf(OptionKey<String> key) {
    return schema.apply(options.get(key)).dataType();
  }

  private Column named(OptionKey<String> key) {
    if (!has(key)) {
      throw missing(key, "");
    }
    return col(prefix + "`" + options.get(key) + "`");
  }

  private ConfigException missing(OptionKey<String> key, String orElse) {
    if (schema.isEmpty()) {
      return new ConfigException(nothingIn + ".");
    }
    return new ConfigException(
        "The input has no column '"
            + options.get(key)
            + "' (it has: "
            + String.join(", ", schema.fieldNames())
            + "); name it with "
            + key.flag()
            + orElse
            + ".");
  }
}
