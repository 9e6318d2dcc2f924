package dev.questspark.engine.ops.backend;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.KvGeometry;

/** Option {@code digest_dtype}: how page digests are kept ({@link KvGeometry}). */
public enum DigestDType {
  /** {@link #INT8} where the model's heads divide into what shares an exponent, else CACHE. */
  AUTO,
  /** The cache's element type. */
  CACHE,
  /** 8 bits. */
  INT8;

  /**
   * Reads the option's text.
   *
   * @throws ConfigException if it is not one of these
   */
  public static DigestDType parse(String text) {
    return EnumOption.parse(DigestDType.class, "digest_dtype", text);
  }

  @Override
  public String toString() {
    return EnumOption.text(this);
  }
}
