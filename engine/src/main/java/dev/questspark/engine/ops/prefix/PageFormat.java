package dev.questspark.engine.ops.prefix;

/**
 * How the elements of a prefix page are stored. Integers are KIVI's (arXiv 2402.02750, section 3):
 * keys in groups of {@link PrefixGeometry#SLOTS} tokens of one channel, values in groups of {@link
 * #GROUP} channels of one token, each group with a scale and a zero in bf16. An element is zero +
 * integer * scale.
 */
public enum PageFormat {
  /** As the live cache stores them. */
  WHOLE(0, 0),
  INT8(8, 8),
  INT4(4, 4),
  INT2(2, 2),
  /** Keys in 4 bits, values in 2: keys bear fewer bits worse. */
  K4V2(4, 2);

  /** Channels of a token's values that share a scale. */
  public static final int GROUP = 32;

  private final int keyBits;
  private final int valueBits;

  PageFormat(int keyBits, int valueBits) {
    this.keyBits = keyBits;
    this.valueBits = valueBits;
  }

  /** Whether elements are integers. */
  public boolean quantized() {
    return keyBits > 0;
  }

  /** Bits of a key's integer; 0 where elements are stored whole. */
  public int keyBits() {
    return keyBits;
  }

  /** Bits of a value's integer; 0 where elements are stored whole. */
  public int valueBits() {
    return valueBits;
  }
}
