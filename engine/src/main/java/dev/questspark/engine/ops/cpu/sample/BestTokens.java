package dev.questspark.engine.ops.cpu.sample;

import java.util.Arrays;

/**
 * Keeps the best of some tokens of a row without sorting them: the logit at which they end is found
 * eleven bits at a time, from what each value of those bits holds (radix selection).
 */
final class BestTokens {
  private static final int DIGIT_BITS = 11;
  private static final int[] SHIFTS = {21, 10, 0};

  private final double[] held = new double[1 << DIGIT_BITS];

  /**
   * Keeps the fewest best tokens whose amounts reach {@code limit}; all if they do not. Equal
   * logits rank by their place.
   *
   * @param tokens ids, ascending; what is kept moves to the front and stays ascending
   * @param amounts of each token, 0 or more, whole numbers; they move with the tokens
   * @param logits of the row, from {@code from} on
   * @return how many are kept
   */
  int keep(int[] tokens, float[] amounts, int count, float[] logits, int from, double limit) {
    int known = 0;
    int prefix = 0;
    double left = limit;
    for (int shift : SHIFTS) {
      Arrays.fill(held, 0);
      int mask = known == 0 ? 0 : -1 << (32 - known);
      int digits = (1 << Math.min(DIGIT_BITS, 32 - known)) - 1;
      for (int i = 0; i < count; i++) {
        int key = key(logits[from + tokens[i]]);
        held[key >>> shift & digits] += (key & mask) == prefix ? amounts[i] : 0; // no jump to guess
      }
      int digit = digits;
      while (digit > 0 && held[digit] < left) {
        left -= held[digit];
        digit--;
      }
      if (held[digit] < left) {
        return count;
      }
      prefix |= digit << shift;
      known = 32 - shift;
    }
    int kept = 0;
    for (int i = 0; i < count; i++) {
      int key = key(logits[from + tokens[i]]);
      boolean last = key == prefix && left > 0;
      if (last) {
        left -= amounts[i];
      }
      tokens[kept] = tokens[i];
      amounts[kept] = amounts[i];
      kept += last | key + Integer.MIN_VALUE > prefix + Integer.MIN_VALUE ? 1 : 0;
    }
    return kept;
  }

  /** Unsigned integers in the order of the floats; both zeros are one. */
  private static int key(float logit) {
    int bits = Float.floatToRawIntBits(logit + 0f);
    return bits < 0 ? ~bits : bits | Integer.MIN_VALUE;
  }
}
