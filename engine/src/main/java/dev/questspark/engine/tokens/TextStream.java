package dev.questspark.engine.tokens;

import java.util.Arrays;

/**
 * The text of one row while its tokens arrive. A token may end inside a character; its text is held
 * back until the character is whole, so that text once handed out never changes.
 *
 * <p>Each step decodes a short tail of the tokens twice, with and without the new ones: tokens
 * before the tail give the decoder its context (whether a leading space belongs), and the
 * difference is the new text.
 */
final class TextStream {
  private static final char INCOMPLETE = '\uFFFD';

  private final Tokenizer tokenizer;
  private final boolean skipSpecialTokens;
  private int[] tokens = new int[64];
  private int count;

  /** Tokens [context, shown) are context already handed out; [shown, count) are held back. */
  private int context;

  private int shown;

  TextStream(Tokenizer tokenizer, boolean skipSpecialTokens) {
    this.tokenizer = tokenizer;
    this.skipSpecialTokens = skipSpecialTokens;
  }

  /** Adds a token; returns the text that became certain, often empty. */
  String append(int token) {
    if (count == tokens.length) {
      tokens = Arrays.copyOf(tokens, 2 * count);
    }
    tokens[count++] = token;
    String before = decode(context, shown);
    String after = decode(context, count);
    boolean whole = after.isEmpty() || after.charAt(after.length() - 1) != INCOMPLETE;
    if (!whole || after.length() <= before.length()) {
      return "";
    }
    context = shown;
    shown = count;
    return after.substring(before.length());
  }

  /** The text still held back when no more tokens come; broken characters are U+FFFD. */
  String finish() {
    String before = decode(context, shown);
    String after = decode(context, count);
    context = shown;
    shown = count;
    return after.substring(Math.min(before.length(), after.length()));
  }

  private String decode(int from, int to) {
    return tokenizer.decode(Arrays.copyOfRange(tokens, from, to), skipSpecialTokens);
  }
}
