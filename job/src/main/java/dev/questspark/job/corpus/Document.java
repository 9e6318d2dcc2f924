package dev.questspark.job.corpus;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One input record: a text and what is asked about it.
 *
 * @param id unique in the corpus; null only when the record has none
 * @param text null only with a defect
 * @param questions at least one; each becomes one answer row per page selection policy
 * @param source file the record came from
 * @param defect why the document cannot be answered
 * @param kept columns that go with the answers, by name; null values where a record has none
 */
public record Document(
    String id,
    String text,
    List<Question> questions,
    String source,
    Optional<Defect> defect,
    Map<String, String> kept) {

  public Document {
    questions = List.copyOf(questions);
    kept = Collections.unmodifiableMap(new LinkedHashMap<>(kept));
    if (questions.isEmpty()) {
      throw new IllegalArgumentException(source + ": a document without questions gives no row");
    }
  }

  /** A document that takes nothing along to its answers. */
  public Document(
      String id, String text, List<Question> questions, String source, Optional<Defect> defect) {
    this(id, text, questions, source, defect, Map.of());
  }

  /** The same record with some of its questions. */
  public Document withQuestions(List<Question> some) {
    return new Document(id, text, some, source, defect, kept);
  }

  /** The same record as an error row. */
  public Document withDefect(Defect found) {
    return new Document(id, null, questions, source, Optional.of(found), kept);
  }
}
