package dev.questspark.job.eval.score;

import java.util.List;
import java.util.Map;

/** Harmonic mean of precision and recall over the multiset of normalised words. */
final class TokenF1 {
  private TokenF1() {}

  static double score(String prediction, String reference) {
    List<String> predicted = Words.split(Words.normalized(prediction));
    List<String> expected = Words.split(Words.normalized(reference));
    Map<String, Integer> left = Words.counts(expected);
    int common = 0;
    for (String word : predicted) {
      if (left.merge(word, -1, Integer::sum) >= 0) {
        common++;
      }
    }
    if (common == 0) {
      return 0;
    }
    double precision = (double) common / predicted.size();
    double recall = (double) common / expected.size();
    return 2 * precision * recall / (precision + recall);
  }
}
