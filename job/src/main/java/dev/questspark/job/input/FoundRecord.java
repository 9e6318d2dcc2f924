package dev.questspark.job.input;

import dev.questspark.engine.failure.ErrorCode;
import java.util.List;

/**
 * A record of the input, whole or with the reason why it cannot be used.
 *
 * @param source file or table it came from
 * @param where its place there, for messages; null for a file that is one record
 * @param texts what could be read of it
 * @param refused null when nothing is wrong
 * @param reason one sentence on what was found; null when nothing is wrong
 * @param content hash of what {@code texts} do not hold: a record that is refused, the bytes of a
 *     parsed file; else 0
 */
public record FoundRecord(
    String source, String where, Texts texts, ErrorCode refused, String reason, long content) {
  private static final int SHOWN = 120;

  /**
   * @param questions null when the record has none
   * @param answers null when the record has none
   * @param kept values of the columns that go with the answers, in the order of the options
   */
  public record Texts(
      String id, String text, List<String> questions, List<String> answers, List<String> kept) {
    static final Texts NONE = new Texts(null, null, null, null, List.of());
  }

  /** The beginning of a long text, for messages. */
  static String head(String text) {
    return text.length() <= SHOWN
        ? text
        : text.substring(0, SHOWN) + "... (" + text.length() + " characters)";
  }

  /** A record of which nothing can be used. */
  static FoundRecord refused(
      String source, String where, ErrorCode code, String found, long content) {
    return refused(source, where, Texts.NONE, code, found, content);
  }

  /**
   * A record that cannot be used.
   *
   * @param texts what is known of it nevertheless
   */
  public static FoundRecord refused(
      String source, String where, Texts texts, ErrorCode code, String found, long content) {
    return new FoundRecord(source, where, texts, code, code.meaning() + ": " + found, content);
  }
}
