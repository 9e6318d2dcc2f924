package dev.questspark.job.eval.score;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/** ROUGE-L (Lin, 2004): overlap measured by longest common subsequences of words. */
final class RougeL {
  private static final Pattern NOT_ASCII_WORD = Pattern.compile("[^a-z0-9]+");

  /** What LongBench's library adds to a denominator. */
  private static final double EPSILON = 1e-8;

  private RougeL() {}

  /**
   * F1 of one common subsequence over all words (section 3.1): lower case, runs of ASCII letters
   * and digits, no stemming.
   */
  static double sentenceLevel(String prediction, String reference) {
    List<String> predicted = asciiWords(prediction);
    List<String> expected = asciiWords(reference);
    if (predicted.isEmpty() || expected.isEmpty()) {
      return 0;
    }
    int common = lengths(expected, predicted)[expected.size()][predicted.size()];
    if (common == 0) {
      return 0;
    }
    double precision = (double) common / predicted.size();
    double recall = (double) common / expected.size();
    return 2 * precision * recall / (precision + recall);
  }

  /**
   * LongBench's figure (section 3.2 of the paper as LongBench's library reads it): sentences end at
   * full stops; the union of the common subsequences of all sentence pairs, counted in distinct
   * words, over the distinct words of either side. 0 when either side has no word.
   */
  static double summaryLevel(String prediction, String reference) {
    List<List<String>> predicted = sentences(prediction);
    List<List<String>> expected = sentences(reference);
    Set<String> union = new HashSet<>();
    for (List<String> expectedSentence : expected) {
      for (List<String> predictedSentence : predicted) {
        addCommon(expectedSentence, predictedSentence, union);
      }
    }
    int predictedWords = distinct(predicted);
    int expectedWords = distinct(expected);
    if (predictedWords == 0 || expectedWords == 0) {
      return 0;
    }
    double precision = (double) union.size() / predictedWords;
    double recall = (double) union.size() / expectedWords;
    return 2 * (precision * recall / (precision + recall + EPSILON));
  }

  private static List<String> asciiWords(String text) {
    return Words.split(NOT_ASCII_WORD.matcher(text.toLowerCase(Locale.ROOT)).replaceAll(" "));
  }

  private static List<List<String>> sentences(String text) {
    List<List<String>> sentences = new ArrayList<>();
    for (String sentence : text.split("\\.")) {
      sentences.add(Words.split(sentence));
    }
    return sentences;
  }

  private static int distinct(List<List<String>> sentences) {
    Set<String> words = new HashSet<>();
    sentences.forEach(words::addAll);
    return words.size();
  }

  /**
   * Adds the words of one longest common subsequence. Where several are longest, which one is taken
   * decides the union; the walk back from the ends prefers to drop a word of {@code b} on a tie.
   */
  private static void addCommon(List<String> a, List<String> b, Set<String> union) {
    int[][] table = lengths(a, b);
    int i = a.size();
    int j = b.size();
    while (i > 0 && j > 0) {
      if (a.get(i - 1).equals(b.get(j - 1))) {
        union.add(a.get(i - 1));
        i--;
        j--;
      } else if (table[i - 1][j] > table[i][j - 1]) {
        i--;
      } else {
        j--;
      }
    }
  }

  /** Lengths of longest common subsequences of all prefixes, (a + 1, b + 1). */
  private static int[][] lengths(List<String> a, List<String> b) {
    int[][] table = new int[a.size() + 1][b.size() + 1];
    for (int i = 1; i <= a.size(); i++) {
      for (int j = 1; j <= b.size(); j++) {
        table[i][j] =
            a.get(i - 1).equals(b.get(j - 1))
                ? table[i - 1][j - 1] + 1
                : Math.max(table[i - 1][j], table[i][j - 1]);
      }
    }
    return table;
  }
}
