package dev.questspark.job.corpus;

import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** Columns that every input format is brought to. */
public final class RecordSchema {
  /** string, null when missing. */
  public static final String ID = "doc_id";

  /** string, null when missing or refused. */
  public static final String TEXT = "text";

  /** string: name of the {@code ErrorCode} of a record that cannot be used; null otherwise. */
  public static final String REFUSED = "refused";

  /** string: one sentence on what was found in it. */
  public static final String REASON = "reason";

  /** array of strings. */
  public static final String QUESTIONS = "questions";

  /** array of strings. */
  public static final String ANSWERS = "answers";

  /** array of strings: names and values, by turns, of the columns that go with the answers. */
  public static final String KEPT = "kept";

  /** string: file or table. */
  public static final String SOURCE = "source";

  /** string: the record's place there, for messages; null where the file is the record. */
  public static final String WHERE = "where";

  /** long: hash of what the other columns do not hold of the record. */
  static final String CONTENT = "content";

  /** long: the record's place among the records of its file, rising with the file's order. */
  public static final String PLACE = "place";

  /** long: hash of id, content and questions, the same wherever the record lies. */
  public static final String KEY = "key";

  private static final DataType TEXTS = DataTypes.createArrayType(DataTypes.StringType);

  /** The columns of a record as it was found; the last two follow. */
  static final StructType FOUND =
      new StructType()
          .add(ID, DataTypes.StringType)
          .add(TEXT, DataTypes.StringType)
          .add(REFUSED, DataTypes.StringType)
          .add(REASON, DataTypes.StringType)
          .add(QUESTIONS, TEXTS)
          .add(ANSWERS, TEXTS)
          .add(KEPT, TEXTS)
          .add(SOURCE, DataTypes.StringType)
          .add(WHERE, DataTypes.StringType)
          .add(CONTENT, DataTypes.LongType);

  private RecordSchema() {}
}
