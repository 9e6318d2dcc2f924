package dev.questspark.job.corpus;

/** Columns that every input format is brought to. */
public final class RecordSchema {
  /** string, null when missing. */
  public static final String ID = "doc_id";

  /** string, null when missing; meaningless unless {@link #VALID}. */
  public static final String TEXT = "text";

  /** boolean: the text's bytes are UTF-8. */
  public static final String VALID = "valid_utf8";

  /** string: the record as it was found, when it cannot be parsed. */
  public static final String MALFORMED = "malformed";

  /** string: name of the {@code ErrorCode} of a file that gives no text; null otherwise. */
  public static final String REFUSED = "refused";

  /** string: what was found in such a file. */
  public static final String REASON = "reason";

  /** array of strings. */
  public static final String QUESTIONS = "questions";

  /** array of strings. */
  public static final String ANSWERS = "answers";

  /** string: file. */
  public static final String SOURCE = "source";

  /** long: the record's place among the records of its file, rising with the file's order. */
  public static final String PLACE = "place";

  /** long: hash of id, text and questions, the same wherever the record lies. */
  public static final String KEY = "key";

  private RecordSchema() {}
}
