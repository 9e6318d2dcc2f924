package dev.questspark.job.corpus;

import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.job.input.Utf8;
import dev.questspark.job.path.GivenPath;
import java.io.Serial;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.function.Function;
import org.apache.spark.sql.Row;

/** A record of {@link RecordSchema} as a document, with the first defect found. */
public final class RecordToDocument implements Function<Row, Document> {
  @Serial private static final long serialVersionUID = 1L;

  @Override
  public Document call(Row record) {
    String id = record.getAs(RecordSchema.ID);
    String text = record.getAs(RecordSchema.TEXT);
    String source = record.getAs(RecordSchema.SOURCE);
    Optional<Defect> defect = defect(record, id, text);
    return new Document(
        id,
        defect.isPresent() ? null : text,
        questions(record),
        source,
        defect,
        kept(texts(record, RecordSchema.KEPT)));
  }

  private static Optional<Defect> defect(Row record, String id, String text) {
    String refused = record.getAs(RecordSchema.REFUSED);
    if (refused != null) {
      String reason = record.getAs(RecordSchema.REASON);
      return Optional.of(new Defect(ErrorCode.valueOf(refused), reason + place(record)));
    }
    if (Utf8.blank(id)) {
      return Optional.of(
          new Defect(ErrorCode.MISSING_ID, ErrorCode.MISSING_ID.meaning() + place(record)));
    }
    return Utf8.blank(text) ? Optional.of(Defect.of(ErrorCode.EMPTY_DOCUMENT)) : Optional.empty();
  }

  private static Map<String, String> kept(List<String> pairs) {
    Map<String, String> kept = new LinkedHashMap<>();
    for (int i = 0; i < pairs.size(); i += 2) {
      kept.put(pairs.get(i), pairs.get(i + 1));
    }
    return kept;
  }

  /** File and place of a record that has them. */
  private static String place(Row record) {
    String where = record.getAs(RecordSchema.WHERE);
    String source = record.getAs(RecordSchema.SOURCE);
    return where == null ? "" : " (" + GivenPath.shown(new Path(source)) + ", " + where + ")";
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
}
