package dev.questspark.engine.tokens;

import java.util.ArrayList;
import java.util.List;

/**
 * Cuts a text that is too long to tokenise in one go: a tokenizer holds some hundred bytes for each
 * of a text's tokens until it is done. A cut lies where most tokenizers begin a token anyway:
 * before the blank between two words, or after a line break; failing that between any two
 * characters.
 */
final class TextPieces {
  /** How far before its most a piece may end. */
  private static final int LOOK_BACK = 4096;

  private TextPieces() {}

  /**
   * The pieces, which make the text together.
   *
   * @param most characters of a piece, at least 2
   */
  static List<String> of(String text, int most) {
    List<String> pieces = new ArrayList<>();
    for (int from = 0; from < text.length(); ) {
      int to = text.length() - from <= most ? text.length() : cut(text, from, from + most);
      pieces.add(text.substring(from, to));
      from = to;
    }
    return pieces;
  }

  private static int cut(String text, int from, int most) {
    for (int at = most; at > Math.max(from + 1, most - LOOK_BACK); at--) {
      char before = text.charAt(at - 1);
      boolean betweenWords =
          text.charAt(at) == ' '
              && Character.isLetterOrDigit(before)
              && at + 1 < text.length()
              && Character.isLetterOrDigit(text.charAt(at + 1));
      if (betweenWords || before == '\n' && !Character.isWhitespace(text.charAt(at))) {
        return at;
      }
    }
    return Character.isLowSurrogate(text.charAt(most)) ? most - 1 : most;
  }
}
