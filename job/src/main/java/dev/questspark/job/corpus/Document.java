package dev.questspark.job.corpus;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.Serial;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One input record: a text and what is asked about it. It travels with any serializer that a
 * session has; the job's own session has a faster one for it.
 *
 * @param id unique in the corpus; null only when the record has none
 * @param text null only with a defect
 * @param questions at least one; each becomes one answer row per page selection policy
 * @param source file the record came from
 * @param defect why the document cannot be answered
 * @param kept columns that go with the answers, by name; null values where a record has none
 */
@DefaultSerializer(JavaSerializer.class)
public record Document(
    String id,
    String text,
    List<Question> questions,
    String source,
    Optional<Defect> defect,
    Map<String, String> kept)
    implements Serializable {

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

  /** What Java's serialization writes, which knows no {@link Optional}. */
  private record Written(
      String id,
      String text,
      ArrayList<Question> questions,
      String source,
      Defect defect,
      LinkedHashMap<String, String> kept)
      implements Serializable {
    @Serial
    private Object readResolve() {
      return new Document(id, text, questions, source, Optional.ofNullable(defect), kept);
    }
  }

  @Serial
  private Object writeReplace() {
    return new Written(
        id,
        text,
        new ArrayList<>(questions),
        source,
        defect.orElse(null),
        new LinkedHashMap<>(kept));
  }

  /** Without the text, which belongs in no log. */
  @Override
  public String toString() {
    return "document " + id + " of " + source;
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
