package dev.questspark.job.corpus;

import dev.questspark.engine.failure.ErrorCode;
import java.io.Serial;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.spark.api.java.function.Function;
import org.apache.spark.sql.Row;

/** A record of {@link RecordSchema} as a document, with the first defect found. */
public final class RecordToDocument implements Function<Row, Document> {
  @Serial private static final long serialVersionUID = 1L;
  private static final int SHOWN_CHARACTERS = 120;

  @Override
  public Document call(Row record) {
    String id = record.getAs(RecordSchema.ID);
    String text = record.getAs(RecordSchema.TEXT);
    String source = record.getAs(RecordSchema.SOURCE);
    Optional<Defect> defect = defect(record, id, text);
    return new Document(id, defect.isPresent() ? null : text, questions(record), source, defect);
  }

  private static Optional<Defect> defect(Row record, String id, String text) {
    String malformed = record.getAs(RecordSchema.MALFORMED);
    if (malformed != null) {
      return Optional.of(
          new Defect(
              ErrorCode.MALFORMED_RECORD,
              ErrorCode.MALFORMED_RECORD.meaning() + ": " + head(malformed)));
    }
    String refused = record.getAs(RecordSchema.REFUSED);
    if (refused != null) {
      return Optional.of(new Defect(ErrorCode.valueOf(refused), record.getAs(RecordSchema.REASON)));
    }
    if (id == null || id.isBlank()) {
      return Optional.of(Defect.of(ErrorCode.MISSING_ID));
    }
    boolean valid = record.getAs(RecordSchema.VALID);
    if (!valid) {
      return Optional.of(Defect.of(ErrorCode.INVALID_UTF8));
    }
    return text == null || text.isBlank()
        ? Optional.of(Defect.of(ErrorCode.EMPTY_DOCUMENT))
        : Optional.empty();
  }

  /** A record without questions still gives one row, with a null question. */
  private static List<Question> questions(Row record) {
    List<String> asked = texts(record, RecordSchema.QUESTIONS);
    List<String> expected = texts(record, RecordSchema.ANSWERS);
    List<Question> questions = new ArrayList<>();
    for (int i = 0; i < Math.max(1, asked.size()); i++) {
      questions.add(
          new Question(
              i,
              i < asked.size() ? asked.get(i) : null,
              i < expected.size() ? expected.get(i) : null));
    }
    return questions;
  }

  private static List<String> texts(Row record, String column) {
    int at = record.fieldIndex(column);
    return record.isNullAt(at) ? List.of() : record.getList(at);
  }

  private static String head(String text) {
    return text.length() <= SHOWN_CHARACTERS
        ? text
        : text.substring(0, SHOWN_CHARACTERS) + "... (" + text.length() + " characters)";
  }
}
