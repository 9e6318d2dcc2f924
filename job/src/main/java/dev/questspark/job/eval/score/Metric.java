package dev.questspark.job.eval.score;

import dev.questspark.engine.failure.ConfigException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** Every metric by name. */
public enum Metric {
  /** Equal, white space at the ends aside. */
  EXACT(Scorer.best((p, r) -> p.strip().equals(r.strip()) ? 1 : 0)),
  /** SQuAD's exact match, after normalisation (arXiv 1606.05250). */
  NORMALIZED_EXACT(Scorer.best((p, r) -> Words.normalized(p).equals(Words.normalized(r)) ? 1 : 0)),
  /** Token F1 of SQuAD and LongBench. */
  F1(Scorer.best(TokenF1::score)),
  /** ROUGE-L as LongBench computes it: summary level, distinct words. */
  ROUGE_L(Scorer.best(RougeL::summaryLevel)),
  /** ROUGE-L of the paper's sentence level (Lin 2004), on lower-case ASCII words. */
  ROUGE_L_SENTENCE(Scorer.best(RougeL::sentenceLevel)),
  /** LongBench's classification score. */
  CLASSIFICATION(Classification::score),
  /** LongBench's passage retrieval score. */
  RETRIEVAL(Scorer.best(Numbers::retrieval)),
  /** LongBench's count score. */
  COUNT(Scorer.best(Numbers::count)),
  /** LongBench's edit similarity of the first line of code. */
  CODE_SIM(Scorer.best(CodeSimilarity::score)),
  /** RULER: share of the references that occur in the answer (arXiv 2404.06654). */
  MATCH_ALL(Containment::all),
  /** RULER: whether any reference occurs in the answer. */
  MATCH_PART(Containment::part),
  /** Passkey: the answer's first whole number is the key. */
  FIRST_INTEGER(Scorer.best(Numbers::firstInteger));

  private final Scorer scorer;

  Metric(Scorer scorer) {
    this.scorer = scorer;
  }

  /** See {@link Scorer#score}. */
  public double score(String prediction, List<String> references, List<String> classes) {
    return scorer.score(prediction, references, classes);
  }

  /** The name in files and tables. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * The metric of a name.
   *
   * @throws ConfigException when there is none
   */
  public static Metric of(String word) {
    return Arrays.stream(values())
        .filter(metric -> metric.word().equals(word))
        .findFirst()
        .orElseThrow(
            () ->
                new ConfigException(
                    "metric '"
                        + word
                        + "' is unknown; known: "
                        + String.join(", ", Arrays.stream(values()).map(Metric::word).toList())));
  }
}
