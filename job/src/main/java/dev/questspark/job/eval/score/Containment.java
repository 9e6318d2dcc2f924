package dev.questspark.job.eval.score;

import java.util.List;
import java.util.Locale;

/** RULER's string matches, case aside (arXiv 2404.06654). */
final class Containment {
  private Containment() {}

  /** Share of the references that occur in the answer. */
  static double all(String prediction, List<String> references, List<String> classes) {
    if (references.isEmpty()) {
      throw new IllegalArgumentException("an answer needs a reference to be scored");
    }
    return (double) found(prediction, references) / references.size();
  }

  /** Whether any of them does. */
  static double part(String prediction, List<String> references, List<String> classes) {
    return found(prediction, references) > 0 ? 1 : 0;
  }

  private static long found(String prediction, List<String> references) {
    String text = prediction.toLowerCase(Locale.ROOT);
    return references.stream()
        .filter(reference -> text.contains(reference.toLowerCase(Locale.ROOT)))
        .count();
  }
}
