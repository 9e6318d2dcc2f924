package dev.questspark.engine.failure;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;

/** Finds what the user probably meant. */
public final class Suggestions {
  private static final int MOST = 3;

  private Suggestions() {}

  /** ", did you mean a, b or c?", or an empty text when nothing is near. */
  public static String hint(String unknown, Collection<String> known) {
    record Near(String name, int distance) {}
    List<String> near =
        known.stream()
            .map(name -> new Near(name, distance(unknown, name)))
            .filter(
                candidate ->
                    candidate.distance <= Math.max(2, unknown.length() / 3)
                        || candidate.name.contains(unknown)
                        || unknown.contains(candidate.name) && candidate.name.length() > 3)
            .sorted(Comparator.comparingInt(Near::distance).thenComparing(Near::name))
            .limit(MOST)
            .map(Near::name)
            .toList();
    return near.isEmpty() ? "" : "; did you mean " + String.join(" or ", near) + "?";
  }

  /** Levenshtein's distance: insertions, deletions and replacements. */
  static int distance(String a, String b) {
    int[] above = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      above[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int[] row = new int[b.length() + 1];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replaced = above[j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        row[j] = Math.min(replaced, Math.min(above[j], row[j - 1]) + 1);
      }
      above = row;
    }
    return above[b.length()];
  }
}
