package dev.questspark.job.input;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** Strict UTF-8: no overlong forms, no surrogates, nothing replaced. */
public final class Utf8 {
  /** What some writers put before a text to say that it is UTF-8. */
  static final char BYTE_ORDER_MARK = '\uFEFF';

  /** Stands where bytes are no text. */
  static final char REPLACEMENT = '\uFFFD';

  /** Characters that are decoded at a time, to be thrown away. */
  private static final int CHUNK = 1 << 13;

  private Utf8() {}

  /** Null counts as valid: it is another defect. */
  public static boolean valid(byte[] bytes) {
    if (bytes == null) {
      return true;
    }
    CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
    ByteBuffer in = ByteBuffer.wrap(bytes);
    CharBuffer out = CharBuffer.allocate(Math.min(CHUNK, bytes.length + 1));
    while (true) {
      CoderResult result = decoder.decode(in, out.clear(), true);
      if (result.isError()) {
        return false;
      }
      if (result.isUnderflow()) {
        return true;
      }
    }
  }

  /** The text; empty when the bytes are none. */
  static Optional<String> decode(byte[] bytes) {
    return valid(bytes) ? Optional.of(new String(bytes, StandardCharsets.UTF_8)) : Optional.empty();
  }

  /** The text with {@link #REPLACEMENT} for what is none; for messages. */
  static String replaced(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }

  /** Whether the text has no half of a surrogate pair, which no UTF-8 can hold. */
  static boolean encodable(String text) {
    for (int i = 0; i < text.length(); i++) {
      char unit = text.charAt(i);
      if (Character.isHighSurrogate(unit)
          && i + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        i++;
      } else if (Character.isSurrogate(unit)) {
        return false;
      }
    }
    return true;
  }

  /** The text without a byte order mark at its beginning. */
  static String withoutMark(String text) {
    return !text.isEmpty() && text.charAt(0) == BYTE_ORDER_MARK ? text.substring(1) : text;
  }

  /**
   * Whether a text shows nothing: null, or nothing but white space of Unicode and the characters of
   * no width that stand between words.
   */
  public static boolean blank(String text) {
    return text == null || text.codePoints().allMatch(Utf8::showsNothing);
  }

  private static boolean showsNothing(int character) {
    return Character.isWhitespace(character)
        || Character.isSpaceChar(character)
        || character == 0x85 // next line
        || character == 0x180E // Mongolian vowel separator
        || character >= 0x200B && character <= 0x200D // zero width space and joiners
        || character == 0x2060 // word joiner
        || character == BYTE_ORDER_MARK;
  }
}
