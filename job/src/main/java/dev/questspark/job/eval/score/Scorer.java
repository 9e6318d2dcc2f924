package dev.questspark.job.eval.score;

import java.util.List;

/** One way to score an answer. Stateless. */
@FunctionalInterface
public interface Scorer {
  /**
   * Score of an answer against all its references: the best single one, unless the metric says
   * otherwise.
   *
   * @param references at least one
   * @param classes every class of a classification task; empty elsewhere
   * @return between 0 and 1
   */
  double score(String prediction, List<String> references, List<String> classes);

  /** A metric of one reference, as the best over all of them. */
  static Scorer best(OneReference metric) {
    return (prediction, references, classes) ->
        references.stream()
            .mapToDouble(reference -> metric.score(prediction, reference))
            .max()
            .orElseThrow(
                () -> new IllegalArgumentException("an answer needs a reference to be scored"));
  }

  /** A metric of one reference. */
  @FunctionalInterface
  interface OneReference {
    double score(String prediction, String reference);
  }
}
