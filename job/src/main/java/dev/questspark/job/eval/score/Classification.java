package dev.questspark.job.eval.score;

import java.util.ArrayList;
import java.util.List;

/**
 * LongBench's classification score: 1 over the number of class names that occur in the answer, if
 * the right one is among them. A name that is part of the right one does not count.
 */
final class Classification {
  private Classification() {}

  static double score(String prediction, List<String> references, List<String> classes) {
    if (references.isEmpty()) {
      throw new IllegalArgumentException("an answer needs a reference to be scored");
    }
    double best = 0;
    for (String reference : references) {
      best = Math.max(best, one(prediction, reference, classes));
    }
    return best;
  }

  private static double one(String prediction, String reference, List<String> classes) {
    List<String> found = new ArrayList<>(classes.stream().filter(prediction::contains).toList());
    // The published loop removes from the list it walks, and so skips the name after a removed one;
    // scores are to be comparable, so this one does too.
    for (int i = 0; i < found.size(); i++) {
      String name = found.get(i);
      if (reference.contains(name) && !name.equals(reference)) {
        found.remove(name);
      }
    }
    return found.contains(reference) ? 1.0 / found.size() : 0;
  }
}
