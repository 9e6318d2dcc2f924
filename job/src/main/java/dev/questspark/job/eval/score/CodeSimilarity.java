package dev.questspark.job.eval.score;

/**
 * LongBench's code score: similarity of the answer's first line that is neither comment nor fence
 * with the reference. Similarity is 1 - d / (m + n) for the insertions and deletions d between
 * texts of m and n characters, rounded to whole percents.
 */
final class CodeSimilarity {
  private static final int PERCENT = 100;

  private CodeSimilarity() {}

  static double score(String prediction, String reference) {
    return percent(firstCodeLine(prediction), reference) / (double) PERCENT;
  }

  private static String firstCodeLine(String text) {
    int start = 0;
    while (start < text.length() && text.charAt(start) == '\n') {
      start++;
    }
    for (String line : text.substring(start).split("\n", -1)) {
      if (!line.contains("`") && !line.contains("#") && !line.contains("//")) {
        return line;
      }
    }
    return "";
  }

  private static int percent(String one, String other) {
    if (one.equals(other)) {
      return PERCENT;
    }
    if (one.isEmpty() || other.isEmpty()) {
      return 0;
    }
    int[] a = one.codePoints().toArray();
    int[] b = other.codePoints().toArray();
    return (int) Math.rint(PERCENT * 2.0 * common(a, b) / (a.length + b.length));
  }

  /** Length of the longest common subsequence; m + n - 2 of it are the insertions and deletions. */
  private static int common(int[] a, int[] b) {
    int[] row = new int[b.length + 1];
    for (int element : a) {
      int diagonal = 0;
      for (int j = 1; j <= b.length; j++) {
        int above = row[j];
        row[j] = element == b[j - 1] ? diagonal + 1 : Math.max(above, row[j - 1]);
        diagonal = above;
      }
    }
    return row[b.length];
  }
}
