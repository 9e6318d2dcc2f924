package dev.questspark.job.input;

import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.job.input.FoundRecord.Texts;
import dev.questspark.job.options.CorpusOptions.Columns;
import dev.questspark.job.options.CorpusOptions.NamedColumn;
import java.io.Serial;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongSupplier;

/**
 * Makes a record of the values that a reader found under the columns of {@link #names}: ids as the
 * texts they are written as, texts that are texts, questions one by one. A value of another kind
 * refuses its record.
 *
 * <p>A value is null, a {@link String}, a {@link Literal}, a {@link List}, a {@link Map}, or {@link
 * Damage#NOT_UTF8}.
 */
public final class RecordMaker implements Serializable {
  @Serial private static final long serialVersionUID = 1L;

  /** A number, {@code true} or {@code false}, as it is written. */
  record Literal(String written, String kind) {}

  /** Stands for bytes that are no text. */
  enum Damage {
    NOT_UTF8
  }

  /** A value of the wrong kind. */
  private static final class WrongKind extends Exception {
    @Serial private static final long serialVersionUID = 1L;

    WrongKind(NamedColumn column, Object value, String wanted) {
      super("column '" + column.name() + "' holds " + kind(value) + ", not " + wanted);
    }
  }

  /** Thrown for bytes that are no text. */
  private static final class NotUtf8 extends Exception {
    @Serial private static final long serialVersionUID = 1L;
  }

  private final NamedColumn[] columns;
  private final int question;
  private final int answer;
  private final int firstKept;
  private final int maxCharacters;

  /**
   * @param maxCharacters of a text
   */
  public RecordMaker(Columns options, int maxCharacters) {
    List<NamedColumn> read = new ArrayList<>(List.of(options.id(), options.text()));
    this.question = options.readsQuestion() ? read.size() : -1;
    if (options.readsQuestion()) {
      read.add(options.question());
    }
    this.answer = options.answer() == null ? -1 : read.size();
    if (options.answer() != null) {
      read.add(options.answer());
    }
    this.firstKept = read.size();
    read.addAll(options.kept());
    this.columns = read.toArray(NamedColumn[]::new);
    this.maxCharacters = maxCharacters;
  }

  /** Columns that are read, in the order of the values of {@link #make}. */
  public List<NamedColumn> columns() {
    return List.of(columns);
  }

  /** Most bytes that a record of a text this long is read with. */
  public long maxBytes() {
    return 4L * maxCharacters + (1 << 20);
  }

  /** What a record of more than {@link #maxBytes} is told. */
  String tooLarge(long bytes) {
    return "the record has "
        + bytes
        + " bytes, more than max_text_characters "
        + maxCharacters
        + " may take; raise --max-text-characters";
  }

  /**
   * The record.
   *
   * @param values one per column
   * @param hash of the record as it stands in the file, for one that is refused
   */
  FoundRecord make(String source, String where, Object[] values, LongSupplier hash) {
    String id = null;
    List<String> questions = null;
    List<String> answers = null;
    List<String> kept = new ArrayList<>();
    try {
      id = exact(columns[0], values[0]);
      questions = question < 0 ? null : list(columns[question], values[question], false);
      answers = answer < 0 ? null : list(columns[answer], values[answer], true);
      for (int i = firstKept; i < columns.length; i++) {
        kept.add(values[i] == null ? null : whole(JsonText.of(values[i])));
      }
      if (question >= 0 && answer >= 0) {
        sameShape(values);
      }
      String text = text(columns[1], values[1]);
      if (text != null && text.length() > maxCharacters) {
        return FoundRecord.refused(
            source,
            where,
            new Texts(id, null, questions, answers, kept),
            ErrorCode.TOO_MUCH_TEXT,
            text.length() + " characters, max_text_characters is " + maxCharacters,
            ContentHash.of(text.getBytes(StandardCharsets.UTF_8)));
      }
      return new FoundRecord(
          source, where, new Texts(id, text, questions, answers, kept), null, null, 0);
    } catch (WrongKind wrong) {
      return FoundRecord.refused(
          source,
          where,
          new Texts(id, null, questions, answers, kept),
          ErrorCode.MALFORMED_RECORD,
          wrong.getMessage(),
          hash.getAsLong());
    } catch (NotUtf8 damaged) {
      return new FoundRecord(
          source,
          where,
          new Texts(id, null, questions, answers, kept),
          ErrorCode.INVALID_UTF8,
          ErrorCode.INVALID_UTF8.meaning(),
          hash.getAsLong());
    }
  }

  /** What is wrong with a column's value, for a look at an input before any work. */
  Optional<String> wrong(int at, Object value) {
    try {
      if (at == 0) {
        exact(columns[at], value);
      } else if (at == 1) {
        text(columns[at], value);
      } else if (at == question || at == answer) {
        list(columns[at], value, at == answer);
      }
      return Optional.empty();
    } catch (WrongKind wrong) {
      return Optional.of(wrong.getMessage());
    } catch (NotUtf8 damaged) {
      return Optional.empty();
    }
  }

  private static String exact(NamedColumn column, Object value) throws WrongKind, NotUtf8 {
    if (value instanceof Literal literal) {
      return literal.written;
    }
    if (value instanceof List || value instanceof Map) {
      throw new WrongKind(column, value, "a text or a number");
    }
    return value == null ? null : whole(value);
  }

  private static String text(NamedColumn column, Object value) throws WrongKind, NotUtf8 {
    if (value == null) {
      return null;
    }
    if (value instanceof String || value == Damage.NOT_UTF8) {
      return whole(value);
    }
    throw new WrongKind(column, value, "a text");
  }

  /** A text alone is a list of one; null is no list. */
  private static List<String> list(NamedColumn column, Object value, boolean literals)
      throws WrongKind, NotUtf8 {
    if (value == null) {
      return null;
    }
    List<String> texts = new ArrayList<>();
    for (Object element : value instanceof List<?> elements ? elements : List.of(value)) {
      if (literals && element instanceof Literal literal) {
        texts.add(literal.written);
      } else if (element == null || element instanceof String || element == Damage.NOT_UTF8) {
        texts.add(element == null ? null : whole(element));
      } else {
        throw new WrongKind(column, element, "a string or an array of strings");
      }
    }
    return texts;
  }

  private void sameShape(Object[] values) throws WrongKind {
    boolean both = values[question] != null && values[answer] != null;
    if (both && values[question] instanceof List != values[answer] instanceof List) {
      throw new WrongKind(
          columns[answer],
          values[answer],
          "the shape of column '"
              + columns[question].name()
              + "': both must be strings, or both arrays of strings");
    }
  }

  private static String whole(Object text) throws NotUtf8 {
    if (text instanceof String valid && Utf8.encodable(valid)) {
      return valid;
    }
    throw new NotUtf8();
  }

  private static String kind(Object value) {
    if (value instanceof Literal literal) {
      return literal.kind;
    }
    return value instanceof List ? "an array" : value instanceof Map ? "an object" : "a text";
  }
}
