package dev.questspark.engine.ops.cpu.pages;

import dev.questspark.engine.ops.cpu.simd.SimdOps;
import java.util.Arrays;

/**
 * Selects the best of a row's units by their scores, ties to the lowest. Few of many are first told
 * from the rest by the largest scores of groups: as many groups as are wanted have a score that
 * reaches a bound, so what does not reach it is none of the best. One per worker.
 */
public final class BestUnits {
  /** Groups per unit that is wanted: more leave fewer candidates, but take longer themselves. */
  private static final int GROUPS_PER_UNIT = 2;

  /** Units of a group from which on groups pay. */
  private static final int LEAST_GROUP = 4;

  private static final int DIGITS = 256;

  private final SimdOps simd;
  private final int[] histogram = new int[DIGITS];
  private int[] keys = new int[0]; // of all units, ordered like their scores
  private int[] largest = new int[0]; // key of each group
  private int[] candidates = new int[0]; // units, ascending
  private int[] candidateKeys = new int[0];
  private int ties; // how many of those equal to the last threshold are among the best

  public BestUnits(SimdOps simd) {
    this.simd = simd;
  }

  /**
   * Takes the scores of {@code units} units, of which each has {@code parts}: its best counts.
   *
   * @param hidden scores at the beginning that do not count, less than {@code parts}
   */
  public void take(float[] scores, int from, int units, int parts, int hidden) {
    int count = units * parts;
    if (keys.length < count) {
      keys = new int[Math.max(count, 2 * keys.length)];
    }
    Arrays.fill(keys, 0, hidden, Integer.MIN_VALUE);
    simd.order(scores, from + hidden, keys, hidden, count - hidden);
    if (parts == 1) {
      return;
    }
    for (int unit = 0; unit < units; unit++) {
      int key = keys[unit * parts];
      for (int part = 1; part < parts; part++) {
        key = Math.max(key, keys[unit * parts + part]);
      }
      keys[unit] = key;
    }
  }

  /**
   * Writes the {@code best} best of the {@code units} units taken, ascending, as entries {@code
   * first} and up; at least one, and fewer than there are.
   *
   * @return where they end
   */
  public int write(int[] entries, int at, int first, int units, int best) {
    int groups = GROUPS_PER_UNIT * best;
    if (units / LEAST_GROUP < groups) {
      int threshold = threshold(keys, units, best, 0);
      for (int unit = 0; unit < units; unit++) {
        if (isBest(keys[unit], threshold)) {
          entries[at++] = first + unit;
        }
      }
      return at;
    }
    int count = findCandidates(units, groups, best);
    int threshold = threshold(candidateKeys, count, best, 0);
    for (int i = 0; i < count; i++) {
      if (isBest(candidateKeys[i], threshold)) {
        entries[at++] = first + candidates[i];
      }
    }
    return at;
  }

  private boolean isBest(int key, int threshold) {
    return key > threshold || key == threshold && ties-- > 0;
  }

  /**
   * Unit u belongs to group u mod {@code groups}: neighbours, which are alike, to different ones.
   */
  private int findCandidates(int units, int groups, int best) {
    if (largest.length < groups) {
      largest = new int[groups];
    }
    if (candidates.length < keys.length) {
      candidates = new int[keys.length];
      candidateKeys = new int[keys.length];
    }
    System.arraycopy(keys, 0, largest, 0, groups);
    for (int from = groups; from < units; from += groups) {
      int rest = Math.min(groups, units - from);
      for (int group = 0; group < rest; group++) {
        largest[group] = Math.max(largest[group], keys[from + group]);
      }
    }
    int bound = threshold(largest, groups, best, 16); // a little lower will do
    int count = 0;
    for (int unit = 0; unit < units; unit++) {
      if (keys[unit] >= bound) {
        candidates[count] = unit;
        candidateKeys[count++] = keys[unit];
      }
    }
    return count;
  }

  /**
   * The key of the last one that is among the best, digit by digit; {@link #ties} then says how
   * many of those equal to it are.
   *
   * @param open low bits that are not looked for, but 0: the result may be lower than the key
   */
  private int threshold(int[] keys, int count, int best, int open) {
    int above = best; // less those with higher digits
    int threshold = 0; // with the sign bit flipped, so that digits order like keys
    int fixed = 0; // mask of the bits that are known
    for (int shift = Integer.SIZE - 8; shift >= open; shift -= 8) {
      Arrays.fill(histogram, 0);
      for (int i = 0; i < count; i++) {
        int key = keys[i] ^ Integer.MIN_VALUE;
        if ((key & fixed) == threshold) {
          histogram[key >>> shift & DIGITS - 1]++;
        }
      }
      int digit = DIGITS - 1;
      while (histogram[digit] < above) {
        above -= histogram[digit--];
      }
      threshold |= digit << shift;
      fixed |= DIGITS - 1 << shift;
    }
    ties = above;
    return threshold ^ Integer.MIN_VALUE;
  }
}
