package dev.questspark.job.corpus;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** Strict UTF-8: no overlong forms, no surrogates, nothing replaced. */
public final class Utf8 {
  private Utf8() {}

  /** Null counts as valid: it is another defect. */
  public static boolean valid(byte[] bytes) {
    if (bytes == null) {
      return true;
    }
    try {
      StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes));
      return true;
    } catch (CharacterCodingException invalid) {
      return false;
    }
  }
}
